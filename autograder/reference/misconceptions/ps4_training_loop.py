"""Misconceptions of ps4: what beginners get wrong in a network, a step, the loop, predictions, accuracy."""

from autograder.reference.bank import misconception


@misconception(
    "train_step",
    "the gradients are never cleared",
    "backward() adds to the gradients that stand there. Whose gradients does the second step use? (section 5)",
)
def no_zero_grad(model, images, labels, criterion, optimizer):
    loss = criterion(model(images.view(images.shape[0], -1)), labels)
    loss.backward()
    optimizer.step()
    return loss.item()
