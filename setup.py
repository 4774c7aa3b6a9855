"""Packaging of keras_dgm: the only place where its metadata and dependencies are stated.

The bounds here are loose, for people who install the library beside their own packages. The exact
versions that the project is tested with stand in requirements.txt and requirements-test.txt, which
`make requirements` derives from this file.
"""

import re
from pathlib import Path

from setuptools import find_packages, setup

HERE = Path(__file__).resolve().parent


def read_version() -> str:
    """Returns the version in keras_dgm/_version.py, without importing TensorFlow to get it."""
    source = (HERE / "keras_dgm" / "_version.py").read_text(encoding="utf-8")
    match = re.search(r'^__version__ = "([^"]+)"$', source, re.MULTILINE)
    if match is None:
        raise RuntimeError('keras_dgm/_version.py must hold a line __version__ = "X.Y.Z"')
    return match.group(1)


INSTALL_REQUIRES = [
    "keras>=3.15,<4",
    "tensorflow>=2.21,<3",
    # [tf] brings tf_keras, which TensorFlow Probability imports; this package never does.
    "tensorflow-probability[tf]>=0.25",
    # TensorFlow Probability imports distutils, which left the standard library in Python 3.12.
    'setuptools>=70.1; python_version >= "3.12"',
    "numpy>=2.0",
    "scikit-learn>=1.6",
    # Which scikit-learn needs as well.
    "threadpoolctl>=3.1",
    "scipy>=1.15",
]

# Data sets that TFDS prepares (mnist, svhn_cropped, smallnorb, lfw). digits and .npz need nothing.
DATA = [
    "tensorflow-datasets>=4.9.10",
    "importlib_resources",  # imported by tensorflow-datasets 4.9.10, which does not declare it
]

# Pictures of samples, manifolds and analogies; the arrays behind them need nothing.
FIGURES = ["matplotlib>=3.9"]

# Tables of one's own: CSV, TSV and Parquet files, and frames.
TABLES = ["pandas>=2.2", "pyarrow>=18"]

# `model.export(path, format="onnx")`, which is Keras' own, and a bundle's ONNX files.
ONNX = ["onnx>=1.19", "onnxruntime>=1.20", "tf2onnx>=1.17"]

# Searching for settings, and checking a model card: docs/howto/integrations.md.
INTEGRATIONS = ["huggingface_hub>=1.0", "keras-tuner>=1.4.7"]

# CUDA's libraries for TensorFlow, on Linux.
GPU = ["tensorflow[and-cuda]>=2.21,<3"]

# What `python -m train` needs in a checkout.
TRAIN = [
    *DATA,
    *FIGURES,
    *TABLES,
    "tyro>=1.0",
    "tensorboard>=2.20",  # keras.callbacks.TensorBoard; TensorFlow no longer brings it
]

# What `python -m export` needs in a checkout.
EXPORT = [
    "ai-edge-litert>=2.3",
    "backports.strenum<1.3",  # ai-edge-litert asks for it, and 1.3 refuses Python 3.11 and later
    "tensorflow-serving-api>=2.19",  # the messages in the warm-up file
    "tyro>=1.0",
]

# What `make docs` and `make tutorials` need in a checkout.
DOCS = [
    *TRAIN,
    *EXPORT,
    "furo>=2025.12",
    "myst-nb>=1.3",
    "sphinx>=8.2",
    "sphinx-design>=0.6",
    "sphinx-mathjax-offline>=0.0.2",  # MathJax and its fonts, which Sphinx takes from a CDN
]

# What `make test` needs in a checkout.
TEST = [
    *TRAIN,
    *EXPORT,
    *ONNX,
    *INTEGRATIONS,
    "grpcio>=1.70",
    "hypothesis>=6.100",
    "mypy>=1.15",
    "openvino>=2025.4",  # a second engine for what is exported
    "ovmsclient>=2023.1",  # a client of TF Serving that nobody here wrote
    "playwright>=1.50",  # drives Chromium for the page of the export
    "pytest>=8",
    "pytest-xdist>=3.6",
    "pyyaml>=6",
    "ruff>=0.12",
]

# In the wheel the programs are parts of one package: as names in site-packages `train` and `export`
# are too common. The page of the export needs what npm installs, and stays in the checkout.
PROGRAMS = ("train", "export", "programs")
PARTS = find_packages(include=[pattern for name in PROGRAMS for pattern in (name, f"{name}.*")])
PARTS = [part for part in PARTS if part != "export.web"]

setup(
    name="keras_dgm",
    version=read_version(),
    description="Semi-supervised deep generative models (VAE/M1, M2, M1+M2) as Keras 3 models.",
    long_description=(HERE / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    packages=[
        *find_packages(include=["keras_dgm", "keras_dgm.*", "keras_dgm_programs"]),
        *(f"keras_dgm_programs.{part}" for part in PARTS),
    ],
    package_dir={f"keras_dgm_programs.{name}": name for name in PROGRAMS},
    entry_points={"console_scripts": ["keras-dgm = keras_dgm_programs.__main__:main"]},
    package_data={"keras_dgm": ["py.typed"]},
    python_requires=">=3.11",
    install_requires=INSTALL_REQUIRES,
    extras_require={
        "data": DATA,
        "figures": FIGURES,
        "tables": TABLES,
        "onnx": ONNX,
        "integrations": INTEGRATIONS,
        "gpu": GPU,
        "train": TRAIN,
        "export": EXPORT,
        "docs": DOCS,
        "test": TEST,
    },
    keywords=[
        "semi-supervised learning",
        "variational autoencoder",
        "deep generative models",
        "keras",
        "tensorflow probability",
    ],
    classifiers=[
        "Development Status :: 3 - Alpha",
        "Intended Audience :: Developers",
        "Intended Audience :: Science/Research",
        "Operating System :: POSIX :: Linux",
        "Programming Language :: Python :: 3 :: Only",
        "Programming Language :: Python :: 3.11",
        "Programming Language :: Python :: 3.12",
        "Programming Language :: Python :: 3.13",
        "Topic :: Scientific/Engineering :: Artificial Intelligence",
        "Typing :: Typed",
    ],
)
