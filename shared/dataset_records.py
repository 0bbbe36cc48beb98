"""Every dataset, one record each: all that there is to say when another is added.

Nothing heavy is imported here, because the names of the datasets are the choices of a flag.
"""

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from shared.inputs import expand_home

# What `auto` means, and what steps in where that can't be had.
MEANT_BY_AUTO, STAND_IN = "mnist", "digits"

SIDE = 28


def default_data_dir() -> Path:
    """The folder of the datasets where no flag names one."""
    return Path(expand_home(os.environ.get("DATA_DIR") or "data"))


@dataclass(frozen=True)
class Style:
    """How a dataset's makers prepared its images, and so how pictures of one's own are."""

    canvas: int
    """Pixels on a side; enlarged to SIDE where they are fewer."""
    box: int
    """What is on the picture is scaled to fit into a square of so many pixels."""
    by_mass: bool
    """Whether its centre of mass is put into the middle, or its bounding box."""
    faintest: float
    """Fraction of the strongest pixel below which a pixel is not counted into the bounding box."""
    strokes: bool = False
    """Whether what is on it are strokes, so that a frame, lines or a sheet can be told from it."""


@dataclass(frozen=True)
class EmbeddedTable:
    """A CSV file that an installed package carries: in each row an image's pixels and its label."""

    package: str
    file: str
    """Relative to the package's folder."""
    brightest: int
    """What the strongest pixel may be; the weakest is 0."""
    source: str
    """The name that its checksum goes by."""


class PublishedFile(NamedTuple):
    """What a file is known by; each checksum is in hexadecimal digits."""

    size: int
    """Bytes of the gzip file."""
    sha256: str
    unzipped_size: int
    """Bytes of the IDX file in it."""
    unzipped_sha256: str


@dataclass(frozen=True)
class DatasetRecord:
    """One dataset: IDX files to download, or else a table that is embedded."""

    title: str
    """As people write it."""
    class_names: tuple[str, ...]
    """Of labels 0 to 9."""
    style: Style
    files: dict[str, PublishedFile] = field(default_factory=dict)
    """In this order training images and labels, test images and labels."""
    kept_in: tuple[str, ...] = ()
    """Folders below that of all datasets in which other libraries keep these files."""
    mirrors: tuple[str, ...] = ()
    """Where the files are downloaded from, in this order."""
    standardization: tuple[float, float] | None = None
    """Mean and standard deviation of the training pixels in [0, 1]; None if they are computed."""
    embedded: EmbeddedTable | None = None


DATASETS = {
    "mnist": DatasetRecord(
        title="MNIST",
        class_names=tuple("0123456789"),
        # LeCun et al., "Gradient-Based Learning Applied to Document Recognition" (1998), III.A.
        style=Style(canvas=SIDE, box=20, by_mass=True, faintest=0.2, strokes=True),
        files={
            "train-images-idx3-ubyte.gz": PublishedFile(
                9912422,
                "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
                47040016,
                "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
            ),
            "train-labels-idx1-ubyte.gz": PublishedFile(
                28881,
                "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
                60008,
                "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
            ),
            "t10k-images-idx3-ubyte.gz": PublishedFile(
                1648877,
                "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
                7840016,
                "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
            ),
            "t10k-labels-idx1-ubyte.gz": PublishedFile(
                4542,
                "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
                10008,
                "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
            ),
        },
        kept_in=("MNIST/raw", "MNIST"),
        mirrors=(
            "https://ossci-datasets.s3.amazonaws.com/mnist/",
            "https://storage.googleapis.com/cvdf-datasets/mnist/",
        ),
        standardization=(0.1307, 0.3081),
    ),
    "fashion-mnist": DatasetRecord(
        title="Fashion-MNIST",
        class_names=(
            *("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat"),
            *("Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
        ),
        # Xiao et al., "Fashion-MNIST" (2017), section 2.
        style=Style(canvas=SIDE, box=SIDE, by_mass=False, faintest=0.1),
        files={
            "train-images-idx3-ubyte.gz": PublishedFile(
                26421880,
                "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
                47040016,
                "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
            ),
            "train-labels-idx1-ubyte.gz": PublishedFile(
                29515,
                "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
                60008,
                "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
            ),
            "t10k-images-idx3-ubyte.gz": PublishedFile(
                4422102,
                "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
                7840016,
                "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
            ),
            "t10k-labels-idx1-ubyte.gz": PublishedFile(
                5148,
                "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
                10008,
                "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
            ),
        },
        kept_in=("FashionMNIST/raw", "FashionMNIST", "fashion_mnist"),
        mirrors=(
            "https://storage.googleapis.com/tensorflow/tf-keras-datasets/",
            "https://github.com/zalandoresearch/fashion-mnist/raw/master/data/fashion/",
            "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
        ),
        standardization=(0.2860, 0.3530),
    ),
    "digits": DatasetRecord(
        title="scikit-learn's embedded digits",
        class_names=tuple("0123456789"),
        style=Style(canvas=8, box=8, by_mass=False, faintest=0.2, strokes=True),
        # Only the file, because importing scikit-learn takes longer than training on its digits.
        embedded=EmbeddedTable("sklearn", "datasets/data/digits.csv.gz", 16, "sklearn digits"),
    ),
}
