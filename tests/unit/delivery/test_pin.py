import pytest

from delivery.error import DeliveryError
from delivery.promotion.pin import IMAGE, REVISION, pinned
from infra import stack_file

REFERENCE = f"cr.azurecr.io/flows@sha256:{'ab' * 32}"
OTHER = f"cr.azurecr.io/flows@sha256:{'cd' * 32}"
# As YAML has it, a number.
COUNTED = "1234567890" * 4
VALUES = {IMAGE: REFERENCE, REVISION: COUNTED}
SET = {f"p:{IMAGE}": REFERENCE, f"p:{REVISION}": COUNTED}
SHAPES = {
    "plain": "# What it is for.\nconfig:\n  p:a: 1  # why\n\n  # Of b.\n  p:b: true\n",
    "before the end": "config:\n  p:a: 1\n# The rest.\nencryptionsalt: v1:abc=\n",
    "no line's end": "config:\n  p:a: 1",
    "deeper": "secretsprovider: azurekeyvault://x\nconfig:\n    p:a: 1\n    p:hook:\n        secure: v1:abc=\n",
    "other line ends": "config:\r\n  p:a: 1\r\n",
    "an empty value": f'config:\n  p:{IMAGE}: ""  # not yet\n  p:{REVISION}:\n  p:a: 1\n',
    "quoted": f"config:\n  \"p:{IMAGE}\": '{OTHER}'\n  p:a: 1\n",
}


@pytest.mark.parametrize("text", SHAPES.values(), ids=SHAPES)
def test_the_two_keys_are_set_and_every_other_line_stays(text: str) -> None:
    new = pinned(text, "Pulumi.prod.yaml", "p", VALUES)
    assert stack_file.config(new) == {**stack_file.config(text), **SET}
    others = [line for line in text.splitlines() if IMAGE not in line]
    assert [line for line in new.splitlines() if IMAGE not in line] == others
    assert new.count("\r\n") in (0, new.count("\n"))
    assert pinned(new, "Pulumi.prod.yaml", "p", VALUES) == new


def test_a_remark_behind_a_value_stays_with_it() -> None:
    text = f"config:\n  p:{IMAGE}: {OTHER}   # tried in stage\n  p:{REVISION}: {'a' * 40}\n"
    new = pinned(text, "Pulumi.prod.yaml", "p", VALUES)
    assert new.splitlines() == [
        "config:",
        f"  p:{IMAGE}: {REFERENCE}   # tried in stage",
        f'  p:{REVISION}: "{COUNTED}"',
    ]


@pytest.mark.parametrize("text", ["", "encryptionsalt: v1:abc=\n"])
def test_a_file_that_sets_nothing_yet_gets_a_configuration(text: str) -> None:
    new = pinned(text, "Pulumi.prod.yaml", "p", VALUES)
    assert new.startswith(f"{text}config:\n  p:")
    assert stack_file.config(new) == SET


@pytest.mark.parametrize("text", ["config: {p:a: 1}\n", "config: [1\n", "config:\n- 1\n"])
def test_a_file_of_another_shape_is_refused(text: str) -> None:
    with pytest.raises(DeliveryError, match=r"Pulumi.prod.yaml is not written with one key a line; rewrite it so"):
        pinned(text, "Pulumi.prod.yaml", "p", VALUES)
