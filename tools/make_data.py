"""Cut the course's pictures out of the full MNIST and Fashion-MNIST archives.

    python tools/make_data.py PATH/TO/mnist.npz PATH/TO/fashion_mnist.npz

Each archive holds four uint8 arrays: train_images (n, 28, 28), train_labels (n,), test_images, test_labels.
From each this writes two files:

- beside the notebook, the pictures that students get: the first 10,000 of the training part to train on, the next
  2,000 to validate on (train_images, train_labels, validation_images, validation_labels);
- as hidden.npz in the assignment's folder of autograder/assignments, the images that students never see: 4,000 spread
  evenly over the test part (images, labels).

The same archives give the same bytes, so that running this again leaves nothing to commit.
"""

import argparse
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
TRAINING = 10_000
VALIDATION = 2_000
HIDDEN = 4_000
LARGEST_FILE = 8 * 2**20  # bytes: what a repository, and a class's downloads, carry without trouble


def read_archive(path: Path) -> dict[str, np.ndarray]:
    """The four arrays of a full archive, checked: uint8, 28 x 28 pixels, ten classes, one label a picture."""
    with np.load(path, allow_pickle=False) as archive:
        missing = {"train_images", "train_labels", "test_images", "test_labels"} - set(archive.files)
        if missing:
            raise SystemExit(f"{path}: no array named {', '.join(sorted(missing))}")
        arrays = {name: archive[name] for name in archive.files}
    for part, needed in (("train", TRAINING + VALIDATION), ("test", HIDDEN)):
        images, labels = arrays[f"{part}_images"], arrays[f"{part}_labels"]
        if images.dtype != np.uint8 or labels.dtype != np.uint8:
            raise SystemExit(f"{path}: {part} arrays are {images.dtype} and {labels.dtype}; both must be uint8")
        if images.shape != (len(labels), 28, 28) or len(labels) < needed or labels.max() > 9:
            raise SystemExit(f"{path}: {part}_images has shape {images.shape}, {part}_labels {labels.shape}")
    return arrays


def student_sample(archive: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """What ships with the assignment. The archives are shuffled, so the first pictures are as good as any."""
    training, validation = slice(0, TRAINING), slice(TRAINING, TRAINING + VALIDATION)
    return {
        "train_images": archive["train_images"][training],
        "train_labels": archive["train_labels"][training],
        "validation_images": archive["train_images"][validation],
        "validation_labels": archive["train_labels"][validation],
    }


def hidden_sample(archive: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """What ships with the grader. Evenly spread: MNIST's test part is harder in its first half than in its second."""
    chosen = np.arange(HIDDEN) * len(archive["test_labels"]) // HIDDEN
    return {"images": archive["test_images"][chosen], "labels": archive["test_labels"][chosen]}


def write(path: Path, arrays: dict[str, np.ndarray]) -> None:
    """Compressed, with the fixed time stamp that NumPy gives every member: no trace of when it was run."""
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(path, **arrays)
    size = path.stat().st_size
    if size > LARGEST_FILE:
        raise SystemExit(f"{path} has {size:,} bytes, more than the {LARGEST_FILE:,} it may have")
    shapes = ", ".join(f"{name} {array.shape}" for name, array in arrays.items())
    print(f"{path.relative_to(ROOT)}: {size / 2**20:.1f} MiB, {shapes}")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__.split("\n\n")[0], epilog="See docs/data.md for where the archives come from."
    )
    parser.add_argument("mnist", type=Path, help="the full MNIST, an .npz archive")
    parser.add_argument("fashion_mnist", type=Path, help="the full Fashion-MNIST, an .npz archive")
    arguments = parser.parse_args()
    for name, assignment in (("mnist", "ps4_training_loop"), ("fashion_mnist", "ps5_fashion_mnist")):
        archive = read_archive(getattr(arguments, name))
        write(ROOT / "source" / assignment / f"{name}.npz", student_sample(archive))
        write(ROOT / "autograder" / "assignments" / assignment / "hidden.npz", hidden_sample(archive))


if __name__ == "__main__":
    main()
