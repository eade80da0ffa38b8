from google.protobuf import text_format

from serving import messages


def test_classes_of_a_table():
    classes = messages.message_classes(
        {
            "Point": {"x": (1, "float"), "kind": (4, "Kind")},
            "Line": {
                "points": (2, "repeated Point"),
                "by_name": (3, "map Point"),
            },
        },
        {"Kind": {"NONE": 0, "CORNER": 5}},
    )
    line = classes["Line"](points=[{"x": 1.5}])
    line.by_name["start"].kind = 5
    again = classes["Line"].FromString(line.SerializeToString())
    assert again == line
    text = 'points{x:1.5}by_name{key:"start"value{kind:CORNER}}'
    assert text_format.Parse(text, classes["Line"]()) == line


def test_wire_is_that_of_the_numbers():
    classes = messages.message_classes({"One": {"x": (2, "int64")}}, {})
    assert classes["One"](x=5).SerializeToString() == bytes([2 << 3, 5])


def test_two_tables_do_not_know_each_other():
    for kind in ("int64", "string"):
        (one,) = messages.message_classes(
            {"One": {"x": (1, kind)}}, {}
        ).values()
        assert one().x in (0, "")
