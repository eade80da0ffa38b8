"""The programs in `examples/`, in processes of their own."""

import sys

import programs
from documents import ROOT


def test_style_pictures_need_a_folder(tmp_path):
    (tmp_path / "cat.jpg").touch()
    path = ROOT / "examples" / "draw_styles.py"
    done = programs.call([sys.executable, path, "cat.jpg"], tmp_path)
    assert done.returncode == 2
    said = "error: 'cat.jpg' is a file. Expected: a folder.\n"
    assert done.stderr.endswith(said)
