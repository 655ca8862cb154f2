"""Unusual right answers to ps5: other networks, other optimizers, other ways to end a training."""
# mypy: disable-error-code="var-annotated"

import math

import torch
from torch import nn, optim

from autograder.authoring import unusual


@unusual("build_model", "a class of its own, which flattens by view")
def own_class():
    class Network(nn.Module):
        def __init__(self):
            super().__init__()
            self.hidden = nn.ModuleList([nn.Linear(784, 256), nn.Linear(256, 128)])
            self.logits = nn.Linear(128, 10)

        def forward(self, x):
            x = x.view(x.size(0), -1)
            for layer in self.hidden:
                x = nn.functional.dropout(torch.relu(layer(x)), 0.2, self.training)
            return self.logits(x)

    return Network()


@unusual("build_model", "two convolutions with strides, batch normalisation, and a mean over the image")
def convolutional():
    return nn.Sequential(
        nn.Conv2d(1, 16, 5, stride=2, padding=2),
        nn.BatchNorm2d(16),
        nn.ReLU(),
        nn.Conv2d(16, 32, 3, stride=2, padding=1),
        nn.BatchNorm2d(32),
        nn.ReLU(),
        nn.Flatten(),
        nn.Dropout(0.3),
        nn.Linear(32 * 49, 10),
    )


@unusual("build_model", "batch normalisation of the pixels, and blocks with a way around them")
def residual():
    class Block(nn.Module):
        def __init__(self, size):
            super().__init__()
            self.inside = nn.Sequential(nn.LayerNorm(size), nn.Linear(size, size), nn.GELU(), nn.Dropout(0.2))

        def forward(self, x):
            return x + self.inside(x)

    return nn.Sequential(
        nn.BatchNorm2d(1), nn.Flatten(), nn.Linear(784, 192), nn.ReLU(), nn.Dropout(0.2), Block(192), nn.Linear(192, 10)
    )


@unusual("build_model", "layers that find out their sizes for themselves, and weights drawn by Kaiming's rule")
def lazy():
    model = nn.Sequential(
        nn.Flatten(),
        nn.LazyLinear(256),
        nn.LeakyReLU(),
        nn.Dropout(0.2),
        nn.LazyLinear(100),
        nn.Tanh(),
        nn.LazyLinear(10),
    )
    model(torch.zeros(2, 1, 28, 28))
    for parameter in model.parameters():
        if parameter.dim() > 1:
            nn.init.kaiming_normal_(parameter)
    return model


@unusual("build_model", "a class that brings its loss and its optimizer, as Lightning's do")
def lightning_like():
    class Network(nn.Module):
        def __init__(self, rate=0.001):
            super().__init__()
            self.rate = rate
            self.first = nn.Parameter(torch.randn(784, 300) / 28)
            self.register_buffer("scale", torch.tensor(1.0))
            self.rest = nn.Sequential(nn.BatchNorm1d(300), nn.ReLU(), nn.Dropout(0.3), nn.Linear(300, 10))

        def forward(self, x):
            return self.rest(x.flatten(start_dim=1) @ self.first * self.scale)

        def training_step(self, batch):
            return nn.functional.cross_entropy(self(batch[0]), batch[1])

        def configure_optimizers(self):
            return optim.Adam(self.parameters(), lr=self.rate)

    return Network()


@unusual("train_model", "early stopping, and the weights of the best epoch put back")
def early_stopping(model, train_loader, validation_loader):
    criterion = nn.CrossEntropyLoss()
    optimizer = optim.Adam(model.parameters(), lr=0.002)
    plateau = optim.lr_scheduler.ReduceLROnPlateau(optimizer, factor=0.3, patience=0)
    train_losses, validation_losses, best, waited = [], [], None, 0
    while waited < 3 and len(train_losses) < 14:
        model.train()
        losses, sizes = [], []
        for images, labels in train_loader:
            loss = criterion(model(images), labels)
            for parameter in model.parameters():
                parameter.grad = None
            loss.backward()
            optimizer.step()
            losses.append(loss.detach())
            sizes.append(len(labels))
        train_losses.append(float((torch.stack(losses) * torch.tensor(sizes)).sum() / sum(sizes)))
        model.eval()
        with torch.inference_mode():
            parts = [nn.functional.cross_entropy(model(x), y, reduction="none") for x, y in validation_loader]
        validation_losses.append(torch.cat(parts).mean().item())
        plateau.step(validation_losses[-1])
        waited += 1
        if validation_losses[-1] == min(validation_losses):
            best, waited = {name: value.clone() for name, value in model.state_dict().items()}, 0
    model.load_state_dict(best)
    return dict(train_loss=train_losses, validation_loss=validation_losses)


@unusual(
    "train_model", "gradients of two batches together, SGD with Nesterov's momentum under a cosine, label smoothing"
)
def accumulated(model, train_loader, validation_loader):
    epochs = 14
    criterion = nn.CrossEntropyLoss(label_smoothing=0.05)
    optimizer = optim.SGD(model.parameters(), lr=0.1, momentum=0.9, nesterov=True, weight_decay=5e-4)
    scheduler = optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs)
    history = {"train_loss": [], "validation_loss": [], "rate": []}
    optimizer.zero_grad(set_to_none=False)
    for _ in range(epochs):
        total = count = 0
        for i, (images, labels) in enumerate(train_loader, start=1):
            loss = criterion(model.train()(images), labels)
            (loss / 2).backward()
            if i % 2 == 0 or i == len(train_loader):
                nn.utils.clip_grad_norm_(model.parameters(), 5.0)
                optimizer.step()
                optimizer.zero_grad(set_to_none=False)
            total += loss.item() * labels.numel()
            count += labels.numel()
        scheduler.step()
        history["train_loss"].append(total / count)
        history["rate"].append(scheduler.get_last_lr()[0])
        model.eval()
        with torch.no_grad():
            pairs = [(criterion(model(x), y).item(), len(y)) for x, y in validation_loader]
        history["validation_loss"].append(sum(a * b for a, b in pairs) / sum(b for _, b in pairs))
    return history


@unusual("train_model", "mirrored images, an average of the weights in the end, and 0-d tensors for losses")
def averaged_weights(model, train_loader, validation_loader):
    epochs = 12
    optimizer = optim.AdamW(model.parameters(), lr=0.002, weight_decay=0.02)
    average = optim.swa_utils.AveragedModel(model, multi_avg_fn=optim.swa_utils.get_ema_multi_avg_fn(0.99))
    train_losses, validation_losses = (), ()
    for epoch in range(epochs):
        for group in optimizer.param_groups:
            group["lr"] = 0.002 * (1 + math.cos(math.pi * epoch / epochs)) / 2
        model.train()
        total, count = torch.zeros(()), 0
        for images, labels in train_loader:
            flip = torch.rand(len(images)) < 0.5
            images = torch.where(flip[:, None, None, None], images.flip(-1), images)
            model.zero_grad()
            loss = -torch.log_softmax(model(images), dim=1).gather(1, labels[:, None]).mean()
            loss.backward()
            optimizer.step()
            average.update_parameters(model)
            total, count = total + loss.detach() * len(images), count + len(images)
        train_losses = (*train_losses, total / count)
        model.eval()
        with torch.no_grad():
            images, labels = (torch.cat(parts) for parts in zip(*validation_loader, strict=True))
            validation_losses = (*validation_losses, nn.functional.cross_entropy(model(images), labels))
    with torch.no_grad():
        for old, new in zip(model.parameters(), average.module.parameters(), strict=True):
            old.copy_(new)
    return {"train_loss": train_losses, "validation_loss": validation_losses}


@unusual("train_model", "batches kept in a list, Adam by hand out of autograd.grad, squared errors of probabilities")
def adam_by_hand(model, train_loader, validation_loader):
    def loss_of(images, labels):
        chances = torch.softmax(model(images), dim=1)
        return (chances - nn.functional.one_hot(labels, 10)).square().sum(dim=1).mean()

    batches, epochs = list(train_loader), 12
    parameters = list(model.parameters())
    first = [torch.zeros_like(p) for p in parameters]
    second = [torch.zeros_like(p) for p in parameters]
    result = {"train_loss": [], "validation_loss": []}
    step, steps = 0, epochs * len(batches)
    for _ in range(epochs):
        model.train()
        losses = []
        for i in torch.randperm(len(batches)).tolist():
            images, labels = batches[i]
            loss = loss_of(images, labels)
            step += 1
            rate = (
                0.003 * min(1, step / steps * 5, (1 - step / steps) * 2) * math.sqrt(1 - 0.999**step) / (1 - 0.9**step)
            )
            gradients = torch.autograd.grad(loss, parameters)
            with torch.no_grad():
                for p, g, m, v in zip(parameters, gradients, first, second, strict=True):
                    m.mul_(0.9).add_(g, alpha=0.1)
                    v.mul_(0.999).addcmul_(g, g, value=0.001)
                    p.addcdiv_(m, v.sqrt().add_(1e-8), value=-rate)
            losses += [float(loss)] * len(labels)
        result["train_loss"] += [sum(losses) / len(losses)]
        model.eval()
        with torch.no_grad():
            sums = [(loss_of(x, y) * len(y), len(y)) for x, y in validation_loader]
        result["validation_loss"] += [float(sum(s for s, _ in sums)) / sum(n for _, n in sums)]
    return result


@unusual("train_model", "a while loop over an iterator, and steps that take a closure")
def stepping_iterator(model, train_loader, validation_loader):
    epochs, criterion = 8, nn.CrossEntropyLoss()
    optimizer = optim.RAdam(model.parameters(), lr=0.004, weight_decay=1e-4)
    scheduler = optim.lr_scheduler.LambdaLR(optimizer, lambda step: max(0.0, 1 - step / (epochs * len(train_loader))))
    curves = [], []
    batches = iter(train_loader)
    total, count, epoch = 0.0, 0, 0
    while epoch < epochs:
        try:
            images, labels = next(batches)
        except StopIteration:
            model.eval()
            with torch.no_grad():
                losses = [criterion(model(x), y) * len(y) for x, y in validation_loader]
            curves[0].append(total / count)
            curves[1].append((sum(losses) / sum(len(y) for _, y in validation_loader)).item())
            batches, epoch, total, count = iter(train_loader), epoch + 1, 0.0, 0
            continue
        model.train()

        def closure(images=images, labels=labels):
            optimizer.zero_grad()
            loss = criterion(model(images), labels)
            loss.backward()
            return loss

        total, count = total + float(optimizer.step(closure)) * len(labels), count + len(labels)
        scheduler.step()
    return {key: curve for key, curve in zip(("train_loss", "validation_loss"), curves, strict=True)}
