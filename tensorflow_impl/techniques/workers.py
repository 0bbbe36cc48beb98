"""Workers: processes that learn together, each from its share of a batch."""

from collections.abc import Callable, Sequence
from functools import cache

import keras
import numpy as np
import tensorflow as tf
from tensorflow.python.eager import context

from shared.batches import share_of
from shared.workers import JOINING, find_rank, refuse_place

from ..train import train_step

Tensors = tuple[tf.Tensor, tf.Tensor]
Learner = Callable[[Tensors, np.ndarray], Tensors]


@cache
def join(
    workers: int, timeout: float, device: tf.config.PhysicalDevice
) -> tf.distribute.Strategy | None:
    """Meet the other workers, once per process; None if there are none.

    Args:
        workers: number of all workers, including this one.
        timeout: seconds to wait for a worker that does not answer.
        device: where this one computes.

    Raises:
        UsageError: it is a GPU, or no variable says where the others are.
    """
    if workers == 1:
        return None
    refuse_place(workers, device.device_type == "CPU", ["TF_CONFIG"])
    cluster = tf.distribute.cluster_resolver.TFConfigClusterResolver()
    wait_for_heartbeats(cluster.cluster_spec(), timeout)  # DIFF-61
    return tf.distribute.MultiWorkerMirroredStrategy(cluster)


def wait_for_heartbeats(cluster: tf.train.ClusterSpec, timeout: float) -> None:
    """Treat a worker as lost after this many seconds of silence.

    The public `CommunicationOptions(timeout_seconds=...)` starts a thread for
    every exchange, which lives as long.
    """
    jobs = [
        context.coordination_config_pb2.CoordinatedJob(
            name=job, num_tasks=cluster.num_tasks(job)
        )
        for job in cluster.jobs
    ]
    leader = "chief" if "chief" in cluster.jobs else "worker"
    context.context().configure_coordination_service(
        "standalone",
        f"/job:{leader}/replica:0/task:0",
        cluster_register_timeout_in_ms=int(1000 * JOINING),
        heartbeat_timeout_in_ms=int(1000 * timeout),
        # Or the process would not end while a worker is lost.
        shutdown_barrier_timeout_in_ms=1000,
        coordinated_jobs=jobs,
    )


def share_step(
    group: tf.distribute.Strategy,
    model: keras.Sequential,
    optimizer: keras.optimizers.Optimizer,
    compute_loss: Callable[..., tf.Tensor],
) -> Callable[..., Tensors]:
    """A function like `train_step` that learns from a share of the batch.

    The mean over a batch of n rows is the sum over the workers of their n_r/n
    times the means over their shares, and so is its gradient.

    Args:
        group: the workers, from `join`.
        model: the network, of which each worker has a copy.
        optimizer: updates this copy as the others update theirs.
        compute_loss: the mean over a batch.
    """
    rank, workers = find_rank(), group.num_replicas_in_sync
    apply = optimizer.apply

    # Before `apply`, which clips: the sum is what has to be clipped.
    def apply_sum(
        grads: Sequence[tf.Tensor],
        trainable_variables: Sequence[keras.Variable] | None = None,
    ) -> None:
        apply(add_up(group, grads), trainable_variables)

    optimizer.apply = apply_sum  # DIFF-60

    def step(
        model: keras.Sequential,
        optimizer: keras.optimizers.Optimizer,
        images: tf.Tensor,
        labels: tf.Tensor,
    ) -> Tensors:
        first, last = share_of(len(labels), rank, workers)
        weight = (last - first) / len(labels)  # DIFF-60

        def weighted(logits: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
            # The mean of no rows is NaN; a sum is 0, with gradients.
            if len(labels) == 0:
                return tf.reduce_sum(logits)
            return weight * compute_loss(logits, labels)

        share = images[first:last], labels[first:last]
        return train_step(model, optimizer, *share, weighted)

    return step


@tf.function  # Eagerly, every exchange would start threads.
def add_up(
    group: tf.distribute.Strategy, tensors: Sequence[tf.Tensor]
) -> list[tf.Tensor]:
    """The sum over all workers of each of these tensors of one dtype."""

    def exchange() -> list[tf.Tensor]:
        # Copied here, or their device is not found.
        own = [tf.identity(tensor) for tensor in tensors]
        replica = tf.distribute.get_replica_context()
        return replica.all_reduce("sum", own)

    return group.run(exchange)


def learn_together(group: tf.distribute.Strategy, learn: Learner) -> Learner:
    """A function like `learn` that returns the figures of whole batches."""

    def learn_all(train_set: Tensors, rows: np.ndarray) -> Tensors:
        losses, correct = learn(train_set, rows)
        return add_up(group, [losses])[0], add_up(group, [correct])[0]

    return learn_all
