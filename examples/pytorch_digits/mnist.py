"""The training script: a small convolutional network, as in AWS's MNIST example of PyTorch's estimator."""

import argparse
import os
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


class Net(nn.Module):
    """Two convolutions and a linear layer, for digits of 8 x 8 pixels."""

    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(1, 16, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(16, 32, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Flatten(),
            nn.Dropout(0.2),
            nn.Linear(512, 10),
            nn.LogSoftmax(dim=1),
        )

    def forward(self, images):
        """Log probabilities of the ten digits."""
        return self.layers(images)


def load(folder, part):
    """The images and labels of one file."""
    given = np.load(Path(folder) / f"{part}.npz")
    return TensorDataset(torch.tensor(given["images"]), torch.tensor(given["labels"]))


def test(model, data):
    """Print the mean loss and the accuracy."""
    model.eval()
    images, labels = data.tensors
    with torch.no_grad():
        output = model(images)
    loss = nn.functional.nll_loss(output, labels).item()
    accuracy = (output.argmax(1) == labels).float().mean().item()
    print(f"Test set: Average loss: {loss:.4f}, Accuracy: {accuracy:.4f}")


def train(args):
    """Train, test behind each epoch, save."""
    torch.manual_seed(args.seed)
    torch.set_num_threads(1)
    data, tested = load(args.data_dir, "train"), load(args.data_dir, "test")
    loader = DataLoader(data, batch_size=args.batch_size, shuffle=True)
    model = Net()
    optimizer = torch.optim.SGD(model.parameters(), lr=args.lr, momentum=args.momentum)
    for epoch in range(1, args.epochs + 1):
        model.train()
        for images, labels in loader:
            optimizer.zero_grad()
            loss = nn.functional.nll_loss(model(images), labels)
            loss.backward()
            optimizer.step()
        print(f"Train Epoch: {epoch} Loss: {loss.item():.6f}")
        test(model, tested)
    torch.save(model.state_dict(), Path(args.model_dir) / "model.pth")


def model_fn(model_dir):
    """Load the model."""
    model = Net()
    model.load_state_dict(torch.load(Path(model_dir) / "model.pth"))
    return model.eval()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--lr", type=float, default=0.01)
    parser.add_argument("--momentum", type=float, default=0.5)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--model-dir", default=os.environ["SM_MODEL_DIR"])
    parser.add_argument("--data-dir", default=os.environ["SM_CHANNEL_TRAINING"])
    train(parser.parse_args())
