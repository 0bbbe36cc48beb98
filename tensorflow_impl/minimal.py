"""Step 0: the whole program. docs/DIFFERENCES.md explains each DIFF-n."""

import keras
import tensorflow as tf
from keras import layers, losses

from shared.datasets import open_dataset

# 1. data: images [batch, 784] and labels [batch], shuffled in every epoch
epochs, batch_size, learning_rate = 5, 64, 0.001
dataset = open_dataset()
images = tf.constant(dataset.train_images)
labels = tf.constant(dataset.train_labels)
size = len(labels)
rows = tf.data.Dataset.range(size).shuffle(size).batch(batch_size)  # DIFF-8
batches = rows.map(lambda at: (tf.gather(images, at), tf.gather(labels, at)))

# 2. model, loss, optimizer: images [batch, 784] -> logits [batch, 10]
model = keras.Sequential(
    [
        layers.Dense(128),  # DIFF-2  # DIFF-24
        layers.ReLU(),
        layers.Dense(64),
        layers.ReLU(),
        layers.Dense(10),
    ]
)
compute_loss = losses.SparseCategoricalCrossentropy(from_logits=True)  # DIFF-5
optimizer = keras.optimizers.Adam(learning_rate)  # DIFF-3


# 3. learning: forward, loss, gradients, update, for every batch
@tf.function  # DIFF-12
def train_step(images: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
    with tf.GradientTape() as tape:  # DIFF-11
        logits = model(images, training=True)  # DIFF-10
        loss = compute_loss(labels, logits)  # DIFF-5
    gradients = tape.gradient(loss, model.trainable_variables)
    optimizer.apply(gradients, model.trainable_variables)
    return loss


for epoch in range(1, epochs + 1):
    batch_losses = [train_step(*batch).numpy() for batch in batches]
    print(f"epoch {epoch}: loss {sum(batch_losses) / len(batch_losses):.4f}")

# 4. testing: how often the largest logit is the label's
logits = model(tf.constant(dataset.test_images))
accuracy = (tf.argmax(logits, axis=1).numpy() == dataset.test_labels).mean()
print(f"test accuracy on {dataset.name}: {accuracy:.2%}")
