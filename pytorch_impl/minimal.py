"""Step 0: the whole program. docs/DIFFERENCES.md explains each DIFF-n."""

import torch
from torch import nn
from torch.utils import data

from shared.datasets import open_dataset

# 1. data: images [batch, 784] and labels [batch], shuffled in every epoch
epochs, batch_size, learning_rate = 5, 64, 0.001
dataset = open_dataset()
images = torch.from_numpy(dataset.train_images)
labels = torch.from_numpy(dataset.train_labels)
size = len(labels)
rows = data.BatchSampler(data.RandomSampler(range(size)), batch_size, False)
train_set = data.TensorDataset(images, labels)
batches = data.DataLoader(train_set, sampler=rows, batch_size=None)  # DIFF-8

# 2. model, loss, optimizer: images [batch, 784] -> logits [batch, 10]
model = nn.Sequential(
    nn.Linear(784, 128),  # DIFF-2  # DIFF-24
    nn.ReLU(),
    nn.Linear(128, 64),
    nn.ReLU(),
    nn.Linear(64, 10),
)
compute_loss = nn.CrossEntropyLoss()  # DIFF-5
optimizer = torch.optim.Adam(model.parameters(), learning_rate)  # DIFF-3


# 3. learning: forward, loss, gradients, update, for every batch
def train_step(images: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    optimizer.zero_grad()  # DIFF-11
    logits = model(images)  # DIFF-10
    loss = compute_loss(logits, labels)  # DIFF-5
    loss.backward()
    optimizer.step()
    return loss


for epoch in range(1, epochs + 1):
    batch_losses = [train_step(*batch).item() for batch in batches]
    print(f"epoch {epoch}: loss {sum(batch_losses) / len(batch_losses):.4f}")

# 4. testing: how often the largest logit is the label's
model.eval()  # DIFF-10
with torch.inference_mode():  # DIFF-23
    logits = model(torch.from_numpy(dataset.test_images))
accuracy = (torch.argmax(logits, dim=1).numpy() == dataset.test_labels).mean()
print(f"test accuracy on {dataset.name}: {accuracy:.2%}")
