"""The site: `make docs` builds it, without network and with warnings as errors."""

import os
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE / "extensions")]
os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from keras_dgm._version import __version__  # noqa: E402

project = "keras_dgm"
copyright = "the authors of keras_dgm"
version = release = __version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.mathjax",
    "sphinx.ext.napoleon",
    "myst_nb",
    "sphinx_design",
    "sphinx-mathjax-offline",
    # In docs/extensions:
    "docstrings",
    "graphs",
    "measured",
    "unbroken",
]
exclude_patterns = ["_build", "extensions", "figures", "results", "table1"]

# Pages in Markdown, tutorials as notebooks in Markdown.
myst_enable_extensions = ["amsmath", "colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 3
nb_execution_mode = os.environ.get("KERAS_DGM_TUTORIALS", "off")
# Its data are not part of the package; `make tutorials` runs it where they are.
has_mnist = (
    Path(os.environ.get("TFDS_DATA_DIR", "~/tensorflow_datasets")).expanduser() / "mnist"
).is_dir()
nb_execution_excludepatterns = [] if has_mnist else ["*/mnist.md"]
nb_execution_cache_path = str(HERE / "_build" / "jupyter-cache")
nb_execution_in_temp = True
nb_execution_raise_on_error = True
nb_execution_show_tb = True
nb_execution_timeout = 600
nb_output_stderr = "remove"  # TensorFlow's greetings.

# The reference, from the docstrings.
autosummary_generate = True
autosummary_ignore_module_all = False
autodoc_inherit_docstrings = False  # Keras' own are written for another tool.
autodoc_member_order = "bysource"
autodoc_typehints = "none"
default_role = "code"
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_custom_sections = [("Call arguments", "params_style")]

html_theme = "furo"
html_title = f"keras_dgm {version}"
html_static_path = ["static"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_sphinx = False
html_theme_options = {"navigation_with_keys": True}
