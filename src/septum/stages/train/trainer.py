"""Set-up of Lightning's trainer: devices, precision, and the handling of signals."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import sys
import threading
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path

import lightning.pytorch as lightning
import torch
from lightning.fabric.plugins.environments import LightningEnvironment
from lightning.pytorch.loggers import TensorBoardLogger
from lightning.pytorch.utilities.exceptions import SIGTERMException
from lightning.pytorch.utilities.warnings import PossibleUserWarning
from torch.utils.data import DataLoader

from septum.config.schema import Train
from septum.errors import problem
from septum.networks.device import choose_device, has_bf16
from septum.stages.train.checkpoints import LAST_CHECKPOINT_FILE, AtomicCheckpointIO
from septum.stages.train.module import TrainingLoop

# More processes than these do not make the loading of small patches faster.
MAX_WORKERS = 8


def choose_precision(requested: str, device: str) -> str:
    """Return Lightning's name of a precision.

    ``auto`` is bf16 if the device supports it, else 32. A device without support emulates bf16,
    which makes a processor ten times slower.
    """
    supported = has_bf16(device)
    if requested == "bf16" and device == "cuda" and not supported:
        raise problem("train.precision", "this GPU has no bf16", "set train.precision to '32'")
    return "bf16-mixed" if requested == "bf16" or (requested == "auto" and supported) else "32-true"


def choose_devices(settings: Train, device: str) -> int:
    """Return the number of devices that share each batch; ``auto`` is one.

    Raises
    ------
    SeptumError
        If there are fewer devices, or the batch cannot be divided evenly among them.
    """
    count = 1 if settings.devices == "auto" else settings.devices
    if device == "cuda" and count > torch.cuda.device_count():
        what = f"asks for {count} GPUs, but torch finds {torch.cuda.device_count()}"
        raise problem("train.devices", what, "lower it, or ask the cluster for more")
    if settings.batch % count:
        what = f"{count} devices cannot share a batch of {settings.batch} evenly"
        raise problem("train.devices", what, f"make train.batch a multiple of {count}")
    return count


def choose_workers(settings: Train, device: str) -> int:
    """Return the number of loader processes a device.

    ``auto`` is none on a CPU, where they would compete with the network for the cores.
    """
    if settings.workers != "auto":
        return settings.workers
    if device == "cpu":
        return 0
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return max(1, min(MAX_WORKERS, (cores or 1) - 1))


def fit(
    loop: TrainingLoop,
    training: DataLoader,
    validation: DataLoader,
    *,
    settings: Train,
    folder: Path,
    callbacks: Sequence[lightning.Callback],
    resume: bool,
) -> None:
    """Train to the end, starting from the last checkpoint if ``resume`` is set.

    Raises
    ------
    KeyboardInterrupt
        After Ctrl-C.
    SystemExit
        With code 143 after SIGTERM, at the end of the running step. In both cases the last
        checkpoint is complete.
    SeptumError
        If the training diverges, or the device runs out of memory.
    """
    device = choose_device(settings.device, "train.device")
    count = choose_devices(settings, device)
    with _quiet(), _repeatable(device), _interrupts():
        trainer = lightning.Trainer(
            accelerator=device,
            devices=count,
            strategy="ddp" if count > 1 else "auto",
            precision=choose_precision(settings.precision, device),
            max_epochs=settings.epochs,
            gradient_clip_val=settings.clip or None,
            num_sanity_val_steps=0,
            use_distributed_sampler=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            callbacks=list(callbacks),
            logger=TensorBoardLogger(folder, name="tensorboard", version=""),
            default_root_dir=folder,
            # not SLURM's environment: a job is one process, whatever its allocation
            plugins=[AtomicCheckpointIO(), LightningEnvironment()],
        )
        last = folder / "checkpoints" / LAST_CHECKPOINT_FILE if resume else None
        try:
            trainer.fit(loop, training, validation, ckpt_path=last, weights_only=True)
        except torch.OutOfMemoryError:
            raise problem(
                "train.batch",
                f"{settings.batch} patches do not fit into the GPU's memory",
                "lower train.batch or train.patch",
            ) from None


@contextlib.contextmanager
def _interrupts() -> Iterator[None]:
    """Restore the exit codes of Ctrl-C and SIGTERM, which Lightning turns into 1 and 0."""
    in_main_thread = threading.current_thread() is threading.main_thread()
    previous_handler = signal.getsignal(signal.SIGINT)
    try:
        yield
    except SIGTERMException:
        sys.exit(128 + signal.SIGTERM)
    except SystemExit as error:
        if isinstance(error.__context__, KeyboardInterrupt):
            raise KeyboardInterrupt from None
        raise
    finally:
        if in_main_thread:
            signal.signal(signal.SIGINT, previous_handler)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep Lightning's own messages (devices found, advice on workers) out of the log."""
    loggers = [logging.getLogger(name) for name in ("lightning.pytorch", "lightning.fabric")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", PossibleUserWarning)
            warnings.filterwarnings("ignore", module=r"lightning\.")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


@contextlib.contextmanager
def _repeatable(device: str) -> Iterator[None]:
    """Make trainings on a CPU reproducible bit for bit, and trainings on a GPU fast."""
    strict = torch.are_deterministic_algorithms_enabled()
    warn_only = torch.is_deterministic_algorithms_warn_only_enabled()
    fill = torch.utils.deterministic.fill_uninitialized_memory
    tuned, products = torch.backends.cudnn.benchmark, torch.get_float32_matmul_precision()
    if device == "cpu":
        torch.use_deterministic_algorithms(True, warn_only=True)
        torch.utils.deterministic.fill_uninitialized_memory = False
    else:
        torch.backends.cudnn.benchmark = True
        torch.set_float32_matmul_precision("high")
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(strict, warn_only=warn_only)
        torch.utils.deterministic.fill_uninitialized_memory = fill
        torch.backends.cudnn.benchmark = tuned
        torch.set_float32_matmul_precision(products)
