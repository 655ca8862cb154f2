"""Right answers to ps5: a network for clothes, and a training with a schedule and something against overfitting."""

import torch
from torch import nn, optim


def build_model():
    """784-256-128-10 with dropout; raw logits at the end."""
    return nn.Sequential(
        nn.Flatten(),
        nn.Linear(784, 256),
        nn.ReLU(),
        nn.Dropout(0.2),
        nn.Linear(256, 128),
        nn.ReLU(),
        nn.Dropout(0.2),
        nn.Linear(128, 10),
    )


def train_model(model, train_loader, validation_loader):
    """AdamW under one cycle; the mean loss of the images in each epoch, and after it on the validation images."""
    epochs = 10
    criterion = nn.CrossEntropyLoss()
    optimizer = optim.AdamW(model.parameters(), weight_decay=0.01)
    scheduler = optim.lr_scheduler.OneCycleLR(optimizer, max_lr=0.003, total_steps=epochs * len(train_loader))
    history: dict[str, list[float]] = {"train_loss": [], "validation_loss": []}

    for _ in range(epochs):
        model.train()
        total, count = 0.0, 0
        for images, labels in train_loader:
            optimizer.zero_grad()
            loss = criterion(model(images), labels)
            loss.backward()
            optimizer.step()
            scheduler.step()
            total += loss.item() * len(labels)
            count += len(labels)
        history["train_loss"].append(total / count)

        model.eval()
        total, count = 0.0, 0
        with torch.no_grad():
            for images, labels in validation_loader:
                total += criterion(model(images), labels).item() * len(labels)
                count += len(labels)
        history["validation_loss"].append(total / count)
    return history
