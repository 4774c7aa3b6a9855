import warnings

import numpy as np
import pytest

from keras_dgm.data import DataNotFoundError, TableWarning, read_table, readers

pd = pytest.importorskip("pandas")


@pytest.fixture
def write(tmp_path):
    def write(text, name="own.csv"):
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write


def test_entries_are_text_and_rows_are_lines(write):
    frame = read_table(write("name,age\nann,3\n\n ben , 4\n"))

    assert frame.columns.tolist() == ["name", "age"]
    assert frame.to_numpy().tolist() == [["ann", "3"], ["ben", "4"]]
    assert frame.index.tolist() == [2, 4]
    assert frame.attrs["header"] is True


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("own.csv", "a,b\n1,x y\n"),
        ("own.CSV", "a,b\r\n1,x y\r\n"),
        ("own.tsv", "a\tb\n1\tx y\n"),
        ("own.csv", "a;b\n1;x y\n"),
        ("own.csv", '"a","b"\n1,"x y"\n'),
        ("own.csv", "'a','b'\n1,'x y'\n"),
        ("own.csv", "\n\na,b\n1,x y"),
        ("own.csv", "\ufeffa,b\n1,x y\n"),
        ("own.csv", ' a, "b" \n 1 , "x y" \n'),
        ("own.csv", "a|b\n1|x y\n"),
        ("own.csv", "sep=;\na;b\n1;x y\n"),
        ("own.tsv", "SEP=|\r\na|b\r\n1|x y\r\n"),
    ],
)
def test_layouts(write, name, text):
    frame = read_table(write(text, name))

    assert frame.columns.tolist() == ["a", "b"]
    assert frame.to_numpy().tolist() == [["1", "x y"]]


@pytest.mark.parametrize(
    ("text", "header"),
    [
        ("a,b\n1,2\n", True),
        ("a,b\nx,y\n", True),
        ("a,2\n1,2\n", False),
        ("1,2\n3,4\n", False),
        ("x,y\nx,z\n", False),  # x comes again in its column
        ("a,a\n1,2\n", False),
        ("a,?\n1,2\n", False),
        ("a,\n1,2\n", False),
        (",a,b\n0,1,2\n1,3,4\n", True),  # the index that pandas writes
        ("0,1,2\n5,6,7\n", True),  # the names that pandas gives
        ("0,1,class\n5,6,a\n", True),
        ("0,male,no\n3,female,yes\n", False),
    ],
)
def test_header(write, text, header):
    frame = read_table(write(text))

    assert frame.attrs["header"] is header
    assert len(frame) == text.count("\n") - header
    if not header:
        assert frame.columns.tolist() == [str(n) for n in range(len(frame.columns))]
    assert read_table(write(text), header=False).attrs["header"] is False


def test_header_as_told(write):
    frame = read_table(write("1,2\n3,4\n"), header=True)

    assert frame.columns.tolist() == ["1", "2"]
    assert frame.to_numpy().tolist() == [["3", "4"]]


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ('"length, in cm, wet";b\n1;x\n', ["length, in cm, wet", "b"]),
        ('"a ""x"", y";"b, c, d"\n1;x\n', ['a "x", y', "b, c, d"]),
        ("'a, b, c'|'d'\n1|x\n", ["a, b, c", "d"]),
        ("ann's a;b's b\n1;x\n", ["ann's a", "b's b"]),
        ('a;"b, c, d\ne, f"\n1;x\n', ["a", "b, c, d\ne, f"]),
        ("sep=;\na,b,c;d\n1;x\n", ["a,b,c", "d"]),
    ],
)
def test_commas_that_do_not_separate(write, text, names):
    frame = read_table(write(text), header=True)

    assert frame.columns.tolist() == names
    assert frame.to_numpy().tolist() == [["1", "x"]]


def test_lines_after_one_of_the_separator(write):
    text = "sep=;\na;b\n1;x\n2;y\n"

    assert read_table(write(text)).index.tolist() == [3, 4]
    with pytest.raises(ValueError, match=r"own.csv, line 4: must have 2 fields, .* got 3"):
        read_table(write(text.replace("2;", "2;;")))
    with pytest.raises(ValueError, match=r"own.csv must have at least one row, got none"):
        read_table(write("sep=;\n"))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("colour,colour,label\nred,blue,a\nred,red,b\n", "'colour' stands there twice"),
        ("colour,,label\nred,5,a\nred,7,b\n", "column 1 has '' there, no name"),
        ("country,2019,2020,label\nAT,1.5,2,a\nIT,3,4.5,b\n", "'2019' is a number"),
        ("x,size,kind\nx,1.5,a\ny,?,b\n", "'x' comes again in its column"),
    ],
)
def test_a_first_row_that_may_be_a_header(write, text, reason):
    path = write(text)

    with pytest.warns(TableWarning, match=rf"own.csv, line 1: .* for {reason}; .*--header True"):
        assert read_table(path).attrs["header"] is False

    with warnings.catch_warnings():
        warnings.simplefilter("error", TableWarning)
        read_table(path, header=False)
        if "twice" not in reason:
            assert read_table(path, header=True).shape[0] == 2


@pytest.mark.parametrize(
    "text",
    [
        "1.5,red\n2.5,blue\n3,red\n",
        "red,red\nblue,red\nred,blue\n",
        "AT-1,0.5,2\nAT-2,1.5,3\n",
        "5,1\n3,2\n",
    ],
)
def test_a_first_row_that_is_plainly_none(write, text):
    with warnings.catch_warnings():
        warnings.simplefilter("error", TableWarning)
        assert read_table(write(text)).attrs["header"] is False


@pytest.mark.parametrize("separator", [";", "|", "\t"])
def test_decimal_commas(write, separator):
    text = "a;b;c;d\n1,5;x,1;3;1,5\n-2;y;4;n. b.\n,5e-3;x;?;2,25\n?;x;4;2\n"

    with pytest.warns(TableWarning, match=r"own.csv: numbers of column 'a', 'd' .*\(1,5 in line 2"):
        frame = read_table(write(text.replace(";", separator)))

    assert frame["a"].tolist() == ["1.5", "-2", ".5e-3", "?"]
    assert frame["b"].tolist() == ["x,1", "y", "x", "x"]
    assert frame["c"].tolist() == ["3", "4", "?", "4"]
    assert frame["d"].tolist() == ["1.5", "n. b.", "2.25", "2"]


def test_commas_in_quotes_are_no_decimal_commas_where_commas_separate(write):
    frame = read_table(write('a,b\n"1,5",x\n"2,5",y\n'))

    assert frame["a"].tolist() == ["1,5", "2,5"]


@pytest.mark.parametrize(
    ("name", "rows", "columns"),
    [
        ("adult-train", 32561, 15),
        ("adult-test", 16281, 15),
        ("auto_imports", 201, 26),
        ("banknote_authentication", 1372, 5),
        ("breast-cancer", 286, 10),
        ("german", 1000, 21),
        ("horse-colic", 300, 28),
        ("wheat-seeds", 210, 8),
    ],
)
def test_files_of_people(csv_dir, name, rows, columns):
    frame = read_table(csv_dir / f"{name}.csv")

    assert frame.attrs["header"] is False
    assert frame.shape == (rows, columns)
    assert frame.index.tolist() == list(range(1, rows + 1))
    texts = set(frame.to_numpy().ravel())
    assert all(text == text.strip(" '") for text in texts)


def test_lines_beside_quoted_line_ends(write):
    frame = read_table(write('a,b\n1,"x\ny"\n2,"u"\n\n3,w\n'))

    assert frame["b"].tolist() == ["x\ny", "u", "w"]
    assert frame.index.tolist() == [2, 4, 6]


def test_parquet(tmp_path):
    pytest.importorskip("pyarrow")
    frame = pd.DataFrame({"a": [1.5, None], "b": ["x", None]})
    frame.to_parquet(tmp_path / "own.parquet")

    read = read_table(tmp_path / "own.parquet")

    assert read.index.tolist() == [1, 2]
    assert read["a"].dtype == np.float64
    assert read["b"].tolist()[0] == "x"
    assert read["b"].isna().tolist() == [False, True]


def test_parquet_with_a_named_index(tmp_path):
    pytest.importorskip("pyarrow")
    frame = pd.DataFrame({"a": [1, 2]}, index=pd.Index([7, 9], name="patient"))
    frame.to_parquet(tmp_path / "own.parquet")

    assert read_table(tmp_path / "own.parquet").columns.tolist() == ["patient", "a"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,b\n1,2\n1,2,3\n", "own.csv, line 3: must have 2 fields, as the first row has, got 3"),
        ("a,b\n1,2\n\n1\n", "own.csv, line 4: must have 2 fields, as the first row has, got 1"),
        ('a,b\n1,"x\ny"\n1\n', "own.csv, line 4: must have 2 fields"),
        (
            "a,b\n1,caf\u00e9\n".encode("latin-1"),
            "own.csv, line 2: must be in UTF-8, got byte 0xe9 at offset 9",
        ),
        ("a,b\n1,2\n".encode("utf-16"), "own.csv, line 1: must be in UTF-8, got byte 0xff at off"),
        (b"a,b\n1,\xc3", "own.csv, line 2: must be in UTF-8, got byte 0xc3 at offset 6"),
        (b"a,b\n1,\0\n", "own.csv must be text, got byte 0x00 at offset 6"),
        ("", "own.csv must have at least one row, got none"),
        ("\n \n", "own.csv must have at least one row, got none"),
        ("a,b\n", "own.csv must have at least one row beside its header, got none"),
        ('a,b\n1,"x\n', "own.csv must be a sound .csv file"),
    ],
)
def test_bad_files(write, text, message):
    path = write(text)
    before = path.read_bytes()

    with pytest.raises(ValueError, match=message) as caught:
        read_table(path, header=True if message.endswith("header, got none") else None)

    assert "\n" not in str(caught.value).strip()
    assert path.read_bytes() == before


def test_offsets_beyond_the_first_block(write):
    text = b"a,b\n" + b"1,2\n" * 300_000 + b"1,\xff\n"

    with pytest.raises(ValueError, match=r"line 300002: .* 0xff at offset 1200006"):
        read_table(write(text))


def test_two_columns_of_one_name(write):
    with pytest.raises(
        ValueError, match=r"own.csv, line 2: must have columns of .* 'a' twice, as columns 0 and 2"
    ):
        read_table(write("\na,b,a\n1,2,3\n"), header=True)


def test_too_large(write, monkeypatch):
    monkeypatch.setattr(readers, "MAX_BYTES", 2**20)

    with pytest.raises(ValueError, match=r"own.csv must have at most 1 MB, got 2 MB.*npy_batches"):
        read_table(write(b"1,2\n" * 2**19))


def test_a_gigabyte_is_refused_at_once(tmp_path):
    path = tmp_path / "own.csv"
    with path.open("wb") as file:
        file.truncate(2**30)

    with pytest.raises(ValueError, match="must have at most 500 MB, got 1024 MB"):
        read_table(path)


def test_parquet_of_too_many_entries(tmp_path, monkeypatch):
    pytest.importorskip("pyarrow")
    monkeypatch.setattr(readers, "MAX_CELLS", 5)
    pd.DataFrame({"a": range(6)}).to_parquet(tmp_path / "own.parquet")

    with pytest.raises(ValueError, match=r"own.parquet must have at most 5 entries, got 6"):
        read_table(tmp_path / "own.parquet")


def test_other_bytes_named_parquet(write):
    pytest.importorskip("pyarrow")
    with pytest.raises(ValueError, match=r"own.parquet must be a sound Parquet file, got"):
        read_table(write("a,b\n1,2\n", "own.parquet"))


def test_no_such_file(tmp_path):
    with pytest.raises(DataNotFoundError, match=r"own.csv does not exist"):
        read_table(tmp_path / "own.csv")
    (tmp_path / "own.csv").mkdir()
    with pytest.raises(ValueError, match=r"own.csv must be a .csv file, got a folder"):
        read_table(tmp_path / "own.csv")
    with pytest.raises(ValueError, match=r"a table must end in .csv, .tsv, .parquet, got .*xlsx"):
        read_table(tmp_path / "own.xlsx")


def test_without_pandas(write, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "pandas", None)

    with pytest.raises(ImportError, match=r"pip install 'keras_dgm\[tables\]'"):
        read_table(write("a,b\n1,2\n"))
