import json
import warnings

import numpy as np
import pytest

from keras_dgm.data import (
    Column,
    DataNotFoundError,
    TableSchema,
    TableWarning,
    encode_rows,
    from_frame,
    load,
    load_table,
    read_table,
)

pd = pytest.importorskip("pandas")

N = 200


def table(**changes):
    """A column of each type, and a class; 40 rows have none."""
    rng = np.random.default_rng(0)
    columns = {
        "id": np.arange(N) + 1000,
        "height": rng.normal(170, 10, N).round(2),
        "visits": rng.integers(0, 9, N),
        "smoker": np.where(np.arange(N) % 3, "no", "yes"),
        "city": np.array(["Oslo", "Rome", "Graz"])[rng.integers(3, size=N)],
        "country": "EU",
        "class": np.where(np.arange(N) % 5 == 4, None, np.where(np.arange(N) % 2, "ill", "well")),
    }
    return pd.DataFrame({**columns, **changes})


@pytest.fixture
def write(tmp_path):
    def write(frame, name="own.csv", **options):
        if isinstance(frame, str):
            (tmp_path / name).write_text(frame)
        elif name.endswith(".parquet"):
            frame.to_parquet(tmp_path / name)
        else:
            separator = "\t" if name.endswith(".tsv") else ","
            frame.to_csv(tmp_path / name, index=False, sep=separator, **options)
        return tmp_path / name

    return write


def splits(data):
    return [
        (data.x_train, data.y_train),
        (data.x_valid, data.y_valid),
        (data.x_test, data.y_test),
    ]


def test_a_frame_becomes_a_data_set():
    data = from_frame(table(), target="class")

    assert data.columns == (
        Column("height", "real"),
        Column("visits", "count"),
        Column("smoker", "binary", ("no", "yes")),
        Column("city", "categorical", ("Graz", "Oslo", "Rome")),
    )
    assert data.schema.notes == (
        "column 'id' is left out: an identifier: all of its 200 whole numbers differ",
        "column 'country' is left out: constant: every observed entry is 'EU'",
    )
    assert (data.class_names, data.schema.target) == (("ill", "well"), "class")
    assert [len(y) for _, y in splits(data)] == [152, 16, 32]
    assert data.num_labeled == 112
    assert all(x.dtype == np.float32 and y.dtype == np.int32 for x, y in splits(data))
    assert np.all(data.y_valid >= 0)
    assert np.all(data.y_test >= 0)


def test_rows_and_classes_stay_together():
    frame = table()
    data = from_frame(frame, target="class")
    names = [*data.class_names, ""]
    known = frame[["height", "visits", "city", "class"]].fillna("").to_numpy()
    rows = {tuple(row): label for *row, label in known}

    seen = 0
    for x, y in splits(data):
        for row, label in zip(x, y, strict=True):
            key = (round(float(row[0]), 2), row[1], ("Graz", "Oslo", "Rome")[int(row[3])])
            assert rows[key] == names[label]
            seen += 1
    assert seen == N


@pytest.mark.parametrize("name", ["own.csv", "own.tsv", "own.parquet"])
def test_a_file_is_as_the_frame(write, name):
    expected = from_frame(table(), target="class")

    data = load(write(table(), name), target="class")

    assert data.name == "own"
    assert data.columns == expected.columns
    for given, of_frame in zip(splits(data), splits(expected), strict=True):
        np.testing.assert_array_equal(given[0], of_frame[0])
        np.testing.assert_array_equal(given[1], of_frame[1])


@pytest.mark.parametrize("target", ["class", 6, -1, "-1", "6"])
def test_target_by_name_or_number(write, target):
    assert from_frame(table(), target=target).schema.target == "class"
    assert load(write(table()), target=target).schema.target == "class"


def test_a_file_without_header(write):
    data = load(write(table(), header=False), target="-1")

    assert [c.name for c in data.columns] == ["1", "2", "3", "4"]
    assert (data.schema.target, data.schema.header) == ("6", False)
    assert data.class_names == ("ill", "well")


def test_few_labels_and_seeds(write):
    path = write(table())

    data = load(path, target="class", num_labeled=10, seed=3)

    assert np.bincount(data.y_train[data.y_train >= 0]).tolist() == [5, 5]
    same = from_frame(table(), target="class", num_labeled=10, seed=3)
    np.testing.assert_array_equal(data.y_train, same.y_train)
    other = load(path, target="class", seed=4)
    assert np.any(other.x_test != data.x_test)
    assert load(path, target="class", num_labeled=0).num_labeled == 0


@pytest.mark.parametrize("token", ["", "?", "NA", "NaN", "<NA>", "None", "  ", "gone"])
def test_missing_entries_and_labels(write, token):
    frame = table().astype(object)
    frame.loc[::7, ["height", "smoker", "city", "class"]] = token

    data = load(write(frame), target="class", missing_token="gone")

    missing = len(range(0, N, 7))
    x = np.concatenate([x for x, _ in splits(data)])
    assert np.isnan(x).sum(axis=0).tolist() == [missing, 0, missing, missing]
    assert data.class_names == ("ill", "well")
    y = np.concatenate([y for _, y in splits(data)])
    assert np.count_nonzero(y < 0) == len({*range(0, N, 7), *range(4, N, 5)})


@pytest.mark.parametrize(
    ("labels", "class_names", "unlabeled"),
    [
        ([0, 1], ("0", "1"), 0),
        ([10, 9, 9], ("9", "10"), 0),
        ([1.0, 2.0, None], ("1", "2"), 66),
        (["1", "2", "-1", "2"], ("1", "2"), 50),
        ([1, 2, -1, 2], ("1", "2"), 50),
        ([True, False], ("False", "True"), 0),
        (["b", "a", ""], ("a", "b"), 66),
        (pd.Categorical(["b", "a", None, "a"] * 50, ["a", "b", "c"]), ("a", "b"), 50),
        (["3", "x", "y"], ("3", "x", "y"), 0),
        (["+", "-"], ("+", "-"), 0),
        (["a", "b", "-", "n/a"], ("a", "b"), 100),
    ],
)
def test_kinds_of_labels(labels, class_names, unlabeled):
    labels = labels if isinstance(labels, pd.Categorical) else (labels * N)[:N]

    data = from_frame(table(**{"class": labels}), target="class")

    assert data.class_names == class_names
    y = np.concatenate([y for _, y in splits(data)])
    assert np.count_nonzero(y < 0) == unlabeled


def test_minus_one_among_negative_classes_is_a_class():
    frame = table(**{"class": [-2, -1, 0, 1] * 50})

    with pytest.warns(TableWarning, match="column 'class': -1 is a class, for other numbers are"):
        data = from_frame(frame, target="class", test=table(**{"class": [-1, 1] * 100}))

    assert data.class_names == ("-2", "-1", "0", "1")
    assert np.bincount(data.y_test).tolist() == [0, 100, 0, 100]


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (["a"] * N, "column 'class', the target, must hold at least two classes, got only 'a'"),
        ([None] * N, "must hold at least two classes, got none"),
        ([1, -1] * 100, "at least two classes, got only 1; -1 means unlabelled: name the class"),
        (range(N), "must hold classes of several rows each, got 200 different entries in 200 lab"),
        (
            [*map(str, range(100)), *[None] * 100],
            "must hold classes of several rows each, got 100 different entries in 100 labe",
        ),
        ([0, *range(N - 1)], "classes of several rows each, got 199 different entries in 200 lab"),
        ([n % 101 for n in range(N)], "got 101 different entries in 200 labelled rows: an ident"),
        ([0.5, 1] * 100, "row 0: must be a text or a whole number, the name of a class, got 0.5"),
        (["1", "2", "x", "1"] * 50, "row 2: must be a number, as most entries .*, got 'x'"),
        (["a", "b", "c", "-1"] * 50, "row 3: must be the name of a class .*, got '-1'"),
        (["2024-01-05", "2024-01-06"] * 100, "row 0: must be a text or a whole number"),
    ],
)
def test_bad_targets(labels, message):
    with pytest.raises(ValueError, match=message):
        from_frame(table(**{"class": labels}), target="class")


def test_few_labels_of_many_classes_are_no_fault():
    labels = [*map(str, range(26)), *map(str, range(24)), *[None] * (N - 50)]

    assert from_frame(table(**{"class": labels}), target="class").num_classes == 26


def test_unknown_target(write):
    path = write(table())
    with pytest.raises(
        ValueError, match=r"`target` must be a column of .*own.csv: 'id', 'height',"
    ):
        load(path, target="label")
    with pytest.raises(ValueError, match=r"got 'clas' \(did you mean 'class'\?\)"):
        load(path, target="clas")
    with pytest.raises(ValueError, match="its number from 0 to 6, -1 being the last; got '7'"):
        load(path, target=7)
    with pytest.raises(ValueError, match=r"`target` must name .* of .*own.csv, one of 'id', 'he"):
        load(path)


def test_a_target_by_name_in_a_file_without_a_header(tmp_path):
    (tmp_path / "own.csv").write_text("a,a,c\n1.5,2,x\n2.5,3,y\n3.1,4,x\n")
    with pytest.raises(ValueError, match="got 'c'; its first row is taken for data, not for a he"):
        load(tmp_path / "own.csv", target="c")
    with pytest.raises(ValueError, match="got 'a' twice"):
        load(tmp_path / "own.csv", target="c", header=True)


def test_no_column_of_use():
    with pytest.raises(ValueError, match=r"must have a column of features .* 'country': constant"):
        from_frame(table()[["country", "class"]], target="class")


def test_a_column_that_is_constant_in_training_is_left_out():
    frame = table()
    held_out = from_frame(frame, target="class").x_test[:, 0]
    rare = np.isin(np.float32(frame["height"]), held_out[:3])

    data = from_frame(frame.assign(rare=rare * 1.0), target="class")

    assert data.schema.left_out["rare"] == "constant in the training rows"
    assert data.x_train.shape[1] == len(data.columns) == 4


def test_a_second_file_is_the_test_set(write):
    train = table()
    test = table()[::-1].iloc[:50]

    data = load_table(write(train), "class", write(test, "test.csv"))

    assert [len(y) for _, y in splits(data)] == [184, 16, 50]
    np.testing.assert_allclose(data.x_test[:, 0], test["height"], rtol=1e-6)
    assert np.count_nonzero(data.y_test < 0) == 10


def test_a_second_file_is_read_as_the_first(write):
    text = "1,2,a\n3,4,b\n5,5,a\n2,8,b\n7,1,a\n"

    data = load(write(text), target=-1, test=write("a,b\n", "unused.csv") and write(text, "t.csv"))

    assert len(data.x_test) == 5


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.drop(columns="visits"), "must have the columns .* got none of the name 'visi"),
        (lambda t: t.assign(weight=3), "must have no columns but those .*, got 'weight'"),
        (
            lambda t: t.assign(height="tall"),
            "column 'height', line 2: must be a number, got 'tall'",
        ),
        (lambda t: t.assign(visits=1.5), "'visits', line 2: must be a whole number .*, got '1.5'"),
        (
            lambda t: t.assign(smoker=1),
            "'smoker', line 2: must hold texts such as 'no', 'yes', got",
        ),
        (lambda t: t.drop(columns="class"), "must have the target, got no column 'class'"),
        (
            lambda t: t.assign(**{"class": ["ill", "dead"] * 100}),
            "column 'class', line 3: must be one of the classes of .*, ill, well, got 'dead'",
        ),
        (lambda t: t.assign(height=np.inf), "column 'height', line 2: must be finite"),
    ],
)
def test_a_second_file_that_differs(write, change, message):
    with pytest.raises(ValueError, match=rf"test.csv.*{message}"):
        load(write(table()), target="class", test=write(change(table()), "test.csv"))


def test_unknown_categories_are_missing_with_a_warning(write):
    test = table()
    test.loc[:2, "city"] = ["Lima", "Lima", "Bonn"]

    with pytest.warns(TableWarning, match="column 'city': 3 entries .* not seen 'Bonn', 'Lima'"):
        data = load(write(table()), target="class", test=write(test, "test.csv"))

    assert np.flatnonzero(np.isnan(data.x_test[:, 3])).tolist() == [0, 1, 2]


def test_adult_has_two_files(csv_dir):
    train, test = csv_dir / "adult-train.csv", csv_dir / "adult-test.csv"

    with pytest.warns(TableWarning, match="the full stop at the end of each class does not count"):
        data = load(train, target=-1, test=test, num_labeled=100)

    assert data.class_names == ("<=50K", ">50K")
    assert data.x_test.shape == (16281, 14)
    assert np.mean(data.y_test) == pytest.approx(0.236, abs=1e-3)
    assert sum(column.kind == "categorical" for column in data.columns) == 7
    assert np.isnan(data.x_train[:, 1]).any()


@pytest.mark.parametrize(
    ("name", "target", "classes", "columns"),
    [
        ("banknote_authentication", -1, 2, 4),
        ("breast-cancer", -1, 2, 9),
        ("german", -1, 2, 20),
        ("horse-colic", "22", 3, 27),
        ("wheat-seeds", -1, 3, 7),
        ("auto_imports", 4, 2, 25),
    ],
)
def test_tables_of_people(csv_dir, name, target, classes, columns):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        data = load(csv_dir / f"{name}.csv", target=target)

    assert (data.num_classes, len(data.columns), data.num_features) == (classes, columns, columns)
    assert np.isfinite(np.nanmax(data.x_train))
    assert len(data.y_test) == pytest.approx(
        0.2 * sum(np.count_nonzero(y >= 0) for _, y in splits(data)), abs=1
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,b\n1,x\n2,y\n3\n", "own.csv, line 4: must have 2 fields"),
        ("a,b\n1,x\n2,y\nq,x\n4,y\n", "own.csv, column 'a', line 4: must be a number, as most"),
        ("a,b\n1.5,x\n2.5,y\n1e999,x\n", "own.csv, column 'a', line 4: must be finite in float32"),
    ],
)
def test_bad_tables_name_file_column_and_line(write, text, message):
    with pytest.raises(ValueError, match=message) as caught:
        load(write(text), target="b")

    assert "\n" not in str(caught.value)


def test_no_such_table(tmp_path):
    with pytest.raises(DataNotFoundError, match=r"own.csv does not exist"):
        load(tmp_path / "own.csv", target=-1)


def test_two_columns_of_one_name():
    frame = table().rename(columns={"id": "class"})

    with pytest.raises(ValueError, match="the table must have columns of different names"):
        from_frame(frame, target="class")


def test_column_types(write):
    path = write(table(), header=False)

    data = load(path, target=-1, column_types={"0": "count", "2": "categorical", "4": "ignore"})

    kinds = {column.name: column.kind for column in data.columns}
    assert kinds == {"0": "count", "1": "real", "2": "categorical", "3": "binary"}
    assert data.schema.left_out["4"] == "as asked for"


def test_the_frame_is_left_alone():
    frame = table()
    before = frame.copy()

    from_frame(frame, target="class", missing_token="yes")

    pd.testing.assert_frame_equal(frame, before)


# --- rows to come ---


def test_new_rows_are_encoded_as_in_training(write):
    data = load(write(table()), target="class")
    schema = TableSchema.from_config(json.loads(json.dumps(data.schema.get_config())))
    assert schema == data.schema

    for frame in (table(), table().drop(columns="class"), table().drop(columns=["id", "class"])):
        x = schema.encode(read_table(write(frame)))
        np.testing.assert_array_equal(x, from_frame(table(), "class").schema.encode(table()))
        assert x.shape == (N, 4)
    np.testing.assert_array_equal(schema.encode(table().iloc[[5]]), x[[5]])


@pytest.mark.parametrize("target", [0, -1])
def test_new_rows_without_header_and_target(write, target):
    order = list(table().columns)
    order = [order[-1], *order[:-1]] if target == 0 else order
    data = load(write(table()[order], header=False), target=target)

    whole = data.schema.encode(read_table(write(table()[order], header=False), header=False))
    without = table()[order].drop(columns="class")
    x = data.schema.encode(read_table(write(without, header=False), header=False))

    np.testing.assert_array_equal(x, whole)


def test_a_dash_is_in_new_rows_what_it_was_in_training():
    signs = from_frame(table(smoker=["+", "-"] * 100), "class").schema
    gaps = from_frame(table(city=["Graz", "Oslo", "-", "Rome"] * 50), "class").schema
    row = table(smoker="-", city="-", height="-").iloc[[0]]

    assert signs.encode(row)[0, [0, 2]].tolist() == pytest.approx([np.nan, 1], nan_ok=True)
    assert gaps.columns[3].categories == ("Graz", "Oslo", "Rome")
    assert np.isnan(gaps.encode(row.assign(smoker="no"))[0, 3])


def test_what_is_missing_is_refused_by_name(write):
    schema = load(write(table()), target="class").schema
    schema.refuse_missing(table(), schema.encode(table()))
    new = table().drop(columns="class").astype(object)
    new.loc[7, "height"] = "n/a"
    new.loc[5, "city"] = "Lima"
    frame = read_table(write(new, "new.csv"))
    with pytest.warns(TableWarning, match="not seen 'Lima'"):
        x = schema.encode(frame)

    with pytest.raises(
        ValueError,
        match=r"new.csv, column 'city', line 7: must be one of the entries of training.*leave the "
        r"row out, fill it in, or train on a table .*, got 'Lima'",
    ):
        schema.refuse_missing(frame, x)
    x[5] = 0
    with pytest.raises(ValueError, match=r"'height', line 9: must be a number, for .*, got 'n/a'"):
        schema.refuse_missing(frame, x)


def test_encode_rows_by_columns_alone():
    columns = (Column("b", "binary", (1, 2)), Column("a", "real"))
    frame = pd.DataFrame({"a": ["1.5", "gone"], "b": [2.0, None], "c": [0, 0]})

    x = encode_rows(frame, columns, ignored=("c",), missing_token="gone")

    np.testing.assert_array_equal(x, [[1, 1.5], [np.nan, np.nan]])
    with pytest.raises(ValueError, match=r"the table must have no columns but .*, got 'c'"):
        encode_rows(frame, columns)
    with pytest.raises(ValueError, match="the table must have at least one row, got none"):
        encode_rows(frame[:0], columns, ignored=("c",))
