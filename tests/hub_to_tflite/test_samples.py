"""Samples for any model: what fits is taken as it is, and what does not is one message."""

import io
import math
import re
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from conftest import real_models
from helpers import digits
from hub_to_tflite.report import catalogue, samples
from hub_to_tflite.report.contracts import Contract, Spec
from hub_to_tflite.report.samples import SampleError, Samples

COLOUR = Spec("float32", (None, 6, 8, 3))
SCORES = Spec("float32", (None, 4))
OWN = digits.__file__.replace(".py", ".npz")


def contract(*inputs, out=SCORES):
    """Return a contract with the inputs a, b, ..., or with those of a dictionary."""
    named = inputs[0] if isinstance(inputs[0], dict) else dict(zip("abc", inputs))
    return Contract("serving_default", named, {"scores": out} if isinstance(out, Spec) else out)


def entry(input_range=None, input_size=None):
    return catalogue.Entry("planted", input_range, input_size, "", "", "", ())


def refused(words, source, *given, **named):
    """Check that loading fails with one message: what is wrong, what was found, what to do."""
    with pytest.raises(SampleError, match=words) as caught:
        samples.load(source, *given, **named)
    assert re.search(r"\. Found: .+\. [A-Z]", str(caught.value)), caught.value


def paint(file, colour=(255, 0, 0), size=(8, 6), mode="RGB", **how):
    file.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, size, colour).save(file, **how)


class TestChoose:
    ten = Spec("float32", (None, 10))

    @pytest.mark.parametrize(
        ("source", "given", "expected"),
        [
            (
                "auto",
                contract(Spec("float32", (None, 48, 48, 3)), out=ten),
                ("random", 50),
            ),  # ten classes of anything
            ("auto", contract(Spec("float32", (None, None, None, 3)), out=ten), ("random", 50)),
            (20, contract(COLOUR, out=ten), ("random", 20)),
            ("20", contract(COLOUR), ("random", 20)),
            (OWN, contract(COLOUR), (OWN, 450)),
            ("random", contract(Spec("float32", (None, 5_000_000))), ("random", 3)),
            (
                "random",
                contract(COLOUR, out=Spec("float32", (None, 10**9))),
                ("random", 2),
            ),  # a large output
        ],
    )
    def test_it_takes_what_fits_and_as_many_as_fit(self, source, given, expected):
        assert samples.choose(source, given, "my/model") == expected

    @pytest.mark.parametrize("hub", ["", "http://127.0.0.1:8000/"])
    def test_the_courses_own_digit_models_get_digits(self, hub):
        given = contract(Spec("float32", (None, 48, 48, 3)), out=Spec("float32", (None, 1280)))
        assert samples.choose("auto", given, f"{hub}digits/mobilenet_v2/feature_vector/1") == (
            "digits",
            450,
        )
        assert samples.choose("20", given, f"{hub}digits/mobilenet_v2/feature_vector/1") == (
            "digits",
            20,
        )

    @pytest.mark.parametrize("source", [9, 451, -1, "0", 2.5, True, None, "", " "])
    def test_what_is_no_source_gets_one_message(self, source):
        with pytest.raises(SampleError, match=r"SAMPLES .*\. Found: .+\. [A-Z]"):
            samples.choose(source, contract(COLOUR), "")


class TestDigits:
    def test_they_are_the_courses_in_the_models_size_range_and_dtype(self):
        images, labels = digits.load()
        given = contract(Spec("float32", (None, 48, 48, 3)), out=Spec("float32", (None, 10)))
        taken = samples.load("digits", given, entry((0, 1)), 12)
        np.testing.assert_array_equal(taken.inputs["a"], digits.as_model_input(images[:12]))
        assert (
            taken.labels.tolist() == labels[:12].tolist()
            and taken.source == "12 test digits"
            and not taken.warning
        )

        taken = samples.load(
            "digits", contract(Spec("float32", (None, 28, 30, 1))), entry((-1, 1)), 450
        )
        assert taken.inputs["a"].shape == (450, 28, 30, 1) and taken.labels is None  # four classes
        assert (taken.inputs["a"].min(), taken.inputs["a"].max()) == (-1, 1)

        pixels = samples.load(
            "digits", contract(Spec("uint8", (None, None, None, 3))), None, 9
        ).inputs["a"]
        assert pixels.dtype == np.uint8 and pixels.shape == (9, 48, 48, 3)
        np.testing.assert_array_equal(pixels, np.rint(255 * digits.as_model_input(images[:9])))

        assert samples.load("digits", contract(Spec("float32", (None, 28, 28))), None, 9).inputs[
            "a"
        ].shape[1:] == (
            28,
            28,
        )

    def test_a_range_that_nobody_gave_is_a_warning(self):
        assert "[0, 1] was assumed" in samples.load("digits", contract(COLOUR), None, 9).warning
        assert (
            "[0, 255] was assumed"
            in samples.load("digits", contract(Spec("int32", (None, 6, 8, 3))), None, 9).warning
        )

    def test_a_model_that_takes_no_image_gets_none(self):
        for spec in (
            Spec("float32", (None, 7)),
            Spec("float32", (None, 48, 48, 4)),
            Spec("string", (None, 8, 8, 3)),
        ):
            refused("Digits fit a model with one input", "digits", contract(spec))


class TestRandom:
    def test_each_dtype_is_drawn_in_its_range_and_the_same_again(self):
        given = contract(
            {
                "f": Spec("float32", (None, 300)),
                "d": Spec("float64", (1, 3, 2)),
                "h": Spec("float16", (3,)),
                "u": Spec("uint8", (None, 300)),
                "i": Spec("int8", (None, 300)),
                "ids": Spec("int32", (None, 300)),
                "b": Spec("bool", (None, 30)),
                "text": Spec("string", (None,)),
                "texts": Spec("string", (None, 2)),
            }
        )
        taken, again = (samples.load("random", given, None, 20, seed=4) for _ in range(2))
        for name, spec in given.inputs.items():
            value = taken.inputs[name]
            assert value.shape == (20, *given.sample(name)) and (
                spec.dtype == "string" or value.dtype == spec.dtype
            ), name
            np.testing.assert_array_equal(value, again.inputs[name])
        ranges = {
            name: (taken.inputs[name].min(), taken.inputs[name].max())
            for name in ("u", "i", "ids", "b")
        }
        assert ranges == {"u": (0, 255), "i": (-128, 127), "ids": (0, 9), "b": (False, True)}
        assert 0 <= taken.inputs["f"].min() < 0.01 and 0.99 < taken.inputs["f"].max() < 1
        assert isinstance(taken.inputs["text"][0], str) and len(set(taken.inputs["text"])) > 3
        assert (
            taken.labels is None
            and "don't show" in taken.warning
            and "calibrate badly" in taken.warning
        )

    def test_the_catalogue_gives_range_and_dynamic_sizes(self):
        movenet = catalogue.find("google/movenet/singlepose/lightning/4")
        taken = samples.load("random", contract(Spec("int32", (1, None, None, 3))), movenet, 2)
        assert taken.inputs["a"].shape == (2, 192, 192, 3) and taken.inputs["a"].max() == 255
        yamnet = catalogue.find("google/yamnet/1")
        taken = samples.load("random", contract(Spec("float32", (None,))), yamnet, 2)
        assert taken.inputs["a"].shape == (2, 15600) and taken.inputs["a"].min() < -0.9
        tokens = contract({name: Spec("int32", (None, None)) for name in ("word_ids", "mask")})
        taken = samples.load("random", tokens, entry((0, 1), (128,)), 5)
        assert taken.inputs["mask"].shape == (5, 128) and set(
            np.unique(taken.inputs["word_ids"])
        ) == {0, 1}

    @pytest.mark.parametrize(
        ("shape", "filled"),
        [
            ((None, None, None, 3), (224, 224, 3)),
            ((None, None, None, None), (224, 224, 3)),
            ((None, 32, None, 1), (32, 224, 1)),
            ((None, None), (16,)),
            ((None, None, 64), (16, 64)),
            (None, ()),
        ],
    )
    def test_dynamic_sizes_are_filled_and_listed(self, shape, filled):
        taken = samples.load("random", contract(Spec("float32", shape)), None, 2)
        assert taken.inputs["a"].shape == (2, *filled) and f"'a' as {filled}" in taken.warning
        assert "dynamic" not in samples.load("random", contract(COLOUR), None, 2).warning

    @pytest.mark.parametrize(("dtype", "length"), [("float32", 16_000), ("int64", 16)])
    def test_a_lone_dynamic_length_is_a_sound_or_a_few_ids(self, dtype, length):
        taken = samples.load("random", contract(Spec(dtype, (None,))), None, 2)
        assert taken.inputs["a"].shape == (2, length)

    def test_of_large_samples_there_are_fewer(self):
        large = contract(Spec("float32", (None, None, None, 3)))
        assert len(samples.load("random", large, entry((0, 1), (600, 600)), 50).inputs["a"]) == 13

    def test_a_dtype_without_numbers_is_refused(self):
        for dtype in ("complex64", "resource"):
            refused("no random inputs of this dtype", "random", contract(Spec(dtype, (None, 3))))


class TestFolder:
    def test_images_are_resized_and_scaled_and_other_files_counted(self, tmp_path):
        paint(tmp_path / "b.PNG", (0, 0, 255), (20, 10))
        paint(tmp_path / "a.jpg", (255, 255, 255))
        paint(tmp_path / "deep" / "c.gif", (0, 0, 255))
        (tmp_path / "notes.txt").write_text("hello")
        (tmp_path / ".hidden.png").write_bytes(b"no image")
        taken = samples.load(tmp_path, contract(COLOUR), entry((-1, 1)))
        images = taken.inputs["a"]
        assert images.shape == (3, 6, 8, 3) and images.dtype == np.float32 and not taken.labels
        words = "resized to 8 x 6; other files ignored: 1"
        assert taken.source == f"3 images from {tmp_path.name}, {words}"
        assert images[0].min() > 0.98 and images[1].reshape(-1, 3).tolist() == [[-1, -1, 1]] * 48

    def test_the_range_is_the_catalogues_or_assumed_aloud(self, tmp_path):
        paint(tmp_path / "a.png", (255, 128, 0))
        assumed = samples.load(tmp_path, contract(COLOUR))
        assert assumed.inputs["a"].max() == 1 and "[0, 1] was assumed" in assumed.warning
        known = samples.load(tmp_path, contract(COLOUR), entry((0, 255)))
        assert known.inputs["a"][0, 0, 0].tolist() == [255, 128, 0] and not known.warning
        pixels = samples.load(tmp_path, contract(Spec("uint8", (1, 6, 8, 3))))
        assert pixels.inputs["a"].dtype == np.uint8 and pixels.inputs["a"][0, 0, 0].tolist() == [
            255,
            128,
            0,
        ]
        assert not pixels.warning

    def test_gray_models_get_gray_images(self, tmp_path):
        paint(tmp_path / "a.png", (255, 255, 255))
        assert samples.load(tmp_path, contract(Spec("float32", (None, 6, 8, 1)))).inputs[
            "a"
        ].shape == (1, 6, 8, 1)
        gray = samples.load(tmp_path, contract(Spec("float32", (None, None, None)))).inputs["a"]
        assert gray.shape == (1, 224, 224) and gray.min() == 1

    def test_a_turned_photo_stands_upright(self, tmp_path):
        turned = Image.new("RGB", (2, 1))
        turned.putdata([(255, 0, 0), (0, 0, 255)])
        exif = Image.Exif()
        exif[0x0112] = 6  # "turn me by 90 degrees", as phones write it
        turned.save(tmp_path / "a.png", exif=exif)
        upright = samples.load(tmp_path, contract(Spec("uint8", (None, 2, 1, 3)))).inputs["a"]
        assert upright[0, :, 0].tolist() == [[255, 0, 0], [0, 0, 255]]

    def test_dynamic_sizes_are_the_catalogues_or_224(self, tmp_path):
        paint(tmp_path / "a.png")
        for shape in ((None, None, None, 3), None):
            given = contract(Spec("float32", shape))
            assert samples.load(tmp_path, given).inputs["a"].shape == (1, 224, 224, 3)
            assert samples.load(tmp_path, given, entry((0, 1), (5, 7))).inputs["a"].shape == (
                1,
                5,
                7,
                3,
            )

    def test_of_many_some_are_taken_from_everywhere(self, tmp_path):
        for number in range(40):
            paint(tmp_path / str(number // 10) / f"{number:02}.png", (number, 0, 0))
        taken, again = (
            samples.load(tmp_path, contract(Spec("uint8", (None, 6, 8, 3))), count=10)
            for _ in range(2)
        )
        assert taken.source.startswith("10 of 40 images") and len(set(taken.labels)) > 2
        np.testing.assert_array_equal(
            taken.labels, taken.inputs["a"][:, 0, 0, 0] // 10
        )  # each keeps its own
        np.testing.assert_array_equal(taken.inputs["a"], again.inputs["a"])

    @pytest.mark.parametrize(
        ("lists", "folders", "labels", "warning"),
        [
            ({}, ["0", "3"], [0, 3], ""),
            ({"labels.txt": "cat\nhot dog, hotdog\ncrane\ncrane"}, ["cat", "hot_dog"], [0, 1], ""),
            (
                {"my_labels.txt": "background\ncat\ndog\nbird\nfish"},
                ["dog", "Cat"],
                [0, 1],
                "",
            ),  # four classes
            ({"labels.txt": "crane\ncat\ncrane"}, ["crane"], None, "Found: crane."),  # which?
            ({}, ["cat", "dog"], None, "Found: cat, dog."),
            ({"labels.txt": "cat\ndog"}, ["cat", "dgo"], None, "Found: dgo."),
            ({"labels.txt": "cat\ndog"}, ["."], None, ""),
            ({"labels.txt": "cat\ndog"}, [".", "dog"], None, "Found: images beside them."),
        ],
    )
    def test_sub_folders_are_labels_where_they_can_be(
        self, lists, folders, labels, warning, tmp_path
    ):
        for name, text in lists.items():
            (tmp_path / name).write_text(text)
        for folder in folders:
            paint(tmp_path / folder / "a.png")
        taken = samples.load(tmp_path, contract(COLOUR), entry((0, 1)))
        assert (taken.labels is None and labels is None) or taken.labels.tolist() == labels
        assert (
            warning in taken.warning
            and bool(warning) == bool(taken.warning)
            and "ignored" not in taken.source
        )

    def test_a_number_too_large_for_a_class_is_refused(self, tmp_path):
        for folder in ("0", "4"):
            paint(tmp_path / folder / "a.png")
        refused(
            "no class of the model. Found: 0 to 4; its classes are 0 to 3",
            tmp_path,
            contract(COLOUR),
        )

    def test_what_holds_no_image_or_a_broken_one_is_refused(self, tmp_path):
        refused("holds no image. Found: nothing", tmp_path, contract(COLOUR))
        (tmp_path / "notes.txt").write_text("hello")
        refused("holds no image. Found: notes.txt", tmp_path, contract(COLOUR))
        whole = io.BytesIO()
        Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)).save(
            whole, "JPEG"
        )
        for name, content in (
            ("a.jpg", whole.getvalue()[:700]),
            ("a.png", b"<html>403</html>"),
            ("a.bmp", b""),
        ):
            (tmp_path / name).write_bytes(content)
            refused(f"An image cannot be read. Found: {name}", tmp_path, contract(COLOUR))
            (tmp_path / name).unlink()
        paint(tmp_path / "depth.png", 4000, mode="I;16")  # would be cut off at 255
        refused("more than 8 bits", tmp_path, contract(COLOUR))

    def test_a_model_that_takes_no_single_image_gets_none(self, tmp_path):
        paint(tmp_path / "a.png")
        refused(
            "colours first, .*channels, height, width",
            tmp_path,
            contract(Spec("float32", (None, 3, 224, 224))),
        )
        for inputs in (
            [COLOUR, COLOUR],
            [Spec("float32", (None, 7))],
            [Spec("float32", (None, 6, 8, 4))],
        ):
            refused("Images fit a model with one input, an image", tmp_path, contract(*inputs))

    def test_the_real_photos_come_as_hub_wants_them(self):
        photos = real_models("photos")
        handle = "rebuilt/mobilenet_v1_025_224/classification/1"
        given = contract(Spec("float32", (None, 224, 224, 3)), out=Spec("float32", (None, 1001)))
        taken = samples.load(photos, given, catalogue.find(handle, given))
        assert (
            taken.source == "4 images from photos, resized to 224 x 224; other files ignored: 1"
            and not taken.warning
        )
        images = taken.inputs["a"]
        assert images.shape == (4, 224, 224, 3) and images.min() >= 0 and 0.9 < images.max() <= 1
        with Image.open(photos / "cat.bmp") as photo:
            cat = np.asarray(
                photo.convert("RGB").resize((224, 224), Image.Resampling.BILINEAR)
            ) / np.float32(255)
        np.testing.assert_array_equal(images[1], cat)
        names, where = samples.labels_of("nowhere", photos, 1001)
        assert names[0] == "background" and where == "imagenet_labels.txt in the samples' folder"
        assert samples.labels_of("nowhere", photos, 1000)[0] == names[1:]


class TestArrays:
    def saved(self, tmp_path, **arrays):
        np.savez(tmp_path / "my.npz", **arrays)
        return tmp_path / "my.npz"

    def test_one_array_and_named_ones_are_taken_with_their_labels(self, tmp_path):
        values = np.random.default_rng(0).random((5, 6, 8, 3))
        np.save(tmp_path / "my.npy", values)
        taken = samples.load(str(tmp_path / "my.npy"), contract(COLOUR))
        np.testing.assert_array_equal(taken.inputs["a"], values.astype(np.float32))
        assert (
            taken.inputs["a"].dtype == np.float32
            and taken.source == "5 samples from my.npy"
            and not taken.warning
        )

        file = self.saved(tmp_path, anything=values, labels=np.arange(5, dtype=np.uint8) % 4)
        assert samples.load(file, contract(COLOUR)).labels.tolist() == [0, 1, 2, 3, 0]

        given = contract({"x": Spec("float32", (1, 2)), "labels": Spec("string", (None,))})
        file = self.saved(
            tmp_path, x=np.ones((3, 2), np.float32), labels=np.array(["a", "bc", "ä"])
        )
        taken = samples.load(file, given)
        assert (
            taken.inputs["labels"].tolist() == ["a", "bc", "ä"] and taken.labels is None
        )  # the model's own input

    @pytest.mark.parametrize(
        ("given", "dtype", "kept"),
        [
            (np.float64([0.1]), "float32", True),
            (np.float32([0.1]), "float64", True),
            (np.float32([0.5]), "float16", True),
            (np.float32([0.1]), "float16", False),  # another number there
            (np.uint8([7]), "float32", True),
            (np.int64([7]), "int32", True),
            (np.int64([2**40]), "int32", False),
            (np.int64([2**24 + 1]), "float32", False),
            (np.int64([-1]), "uint8", False),
            (np.float32([1.0]), "int32", False),
            (np.float32([1.0]), "bool", False),
            (np.array([True]), "float32", False),
            (np.array([True]), "bool", True),
            (np.array(["a"]), "float32", False),
            (np.float32([1.0]), "string", False),
            (np.array([b"a"]), "string", True),
            (np.complex64([1]), "float32", False),
        ],
    )
    def test_a_dtype_is_changed_only_where_that_loses_nothing(self, given, dtype, kept, tmp_path):
        file = self.saved(tmp_path, a=given[None])
        if kept:
            taken = samples.load(file, contract(Spec(dtype, (None, 1)))).inputs["a"]
            assert taken.dtype == (object if dtype == "string" else dtype)
            assert taken[0, 0] == (given[0] if dtype == "string" else given.astype(dtype)[0])
        else:
            refused(
                f"takes {dtype} .*only where that loses nothing",
                file,
                contract(Spec(dtype, (None, 1))),
            )

    @pytest.mark.parametrize(
        ("arrays", "words"),
        [
            ({"a": np.zeros((5, 6, 8))}, r"\(any, 6, 8, 3\). Found: float32 \(5, 6, 8\)"),
            ({"a": np.zeros((6, 8, 3))}, "The batch dimension is missing"),
            ({"a": np.zeros((5, 3, 6, 8))}, r"Found: float32 \(5, 3, 6, 8\)"),
            ({"a": np.zeros((0, 6, 8, 3))}, "at least one. Found: a 0"),
            ({"a": np.float32(1)}, "at least one. Found: a 0"),
            ({"a": np.full((5, 6, 8, 3), np.nan)}, "contain NaN or infinity. Found: 720 of 720"),
            (
                {"a": np.full((5, 6, 8, 3), 1e300)},
                "contain NaN or infinity. Found: 720 of 720",
            ),  # too large for float32
            ({"a": np.zeros((5, 6, 8, 3)), "b": np.zeros(5)}, "inputs are 'a'.*Found: a, b"),
            ({"labels": np.zeros(5, int)}, "inputs are 'a'.*Found: none"),
            ({"a": np.zeros((5, 6, 8, 3)), "labels": np.zeros(4, int)}, "Found: a 5, labels 4"),
            (
                {"a": np.zeros((5, 6, 8, 3)), "labels": np.zeros((5, 1), int)},
                "Found: a 5, labels 0",
            ),
            (
                {"a": np.zeros((5, 6, 8, 3)), "labels": np.zeros(5)},
                "Labels are integers. Found: float64",
            ),
            (
                {"a": np.zeros((5, 6, 8, 3)), "labels": np.arange(5)},
                "Found: 0 to 4; its classes are 0 to 3",
            ),
            (
                {"a": np.zeros((5, 6, 8, 3)), "labels": np.arange(5) - 2},
                "no class of the model. Found: -2",
            ),
        ],
    )
    def test_what_does_not_fit_is_refused(self, arrays, words, tmp_path):
        refused(words, self.saved(tmp_path, **arrays), contract(COLOUR))

    def test_two_inputs_need_both_names_and_one_length(self, tmp_path):
        two = contract(Spec("float32", (None, 2)), Spec("float32", (None,)))
        values = np.zeros((3, 2), np.float32)
        refused("inputs are 'a'.*Found: x, a", self.saved(tmp_path, x=values, a=values), two)
        refused("Found: a 3, b 2", self.saved(tmp_path, a=values, b=values[:2]), two)
        np.save(tmp_path / "one.npy", values)
        refused("Found: the array", tmp_path / "one.npy", two)

    def test_dynamic_sizes_take_what_comes(self, tmp_path):
        file = self.saved(tmp_path, a=np.zeros((5, 9, 11, 3), np.float32))
        for shape in ((None, None, None, 3), None):
            assert (
                samples.load(file, contract(Spec("float32", shape)), entry((0, 1), (5, 7)))
                .inputs["a"]
                .shape[1]
                == 9
            )

    def test_numbers_outside_the_catalogues_range_are_a_warning(self, tmp_path):
        file = self.saved(tmp_path, a=np.full((5, 6, 8, 3), 200, np.uint8))
        taken = samples.load(file, contract(COLOUR), entry((0, 1)))
        assert "run from 200 to 200" in taken.warning and "takes 0 to 1" in taken.warning
        assert taken.inputs["a"].max() == 200

    def test_pickled_objects_and_broken_files_are_never_opened(self, tmp_path):
        class Bomb:
            def __reduce__(self):
                return (open, (str(tmp_path / "harm"), "w"))

        np.save(tmp_path / "bomb.npy", np.array([Bomb()], object), allow_pickle=True)
        np.savez(tmp_path / "bomb.npz", a=np.array([Bomb()], object))
        (tmp_path / "html.npy").write_bytes(b"<html>403</html>")
        (tmp_path / "empty.npz").write_bytes(b"")
        whole = self.saved(tmp_path, a=np.zeros((5, 6, 8, 3))).read_bytes()
        (tmp_path / "half.npz").write_bytes(whole[: len(whole) // 2])
        for name in ("bomb.npy", "bomb.npz", "html.npy", "empty.npz", "half.npz"):
            refused(f"cannot be read. Found: {name}", tmp_path / name, contract(COLOUR))
        assert not (tmp_path / "harm").exists()

    def test_what_is_not_there_or_of_another_kind_is_refused(self, tmp_path):
        (tmp_path / "photo.jpg").write_bytes(b"")
        refused("'nowhere', which is not there", "nowhere", contract(COLOUR))
        refused("a file of another kind", tmp_path / "photo.jpg", contract(COLOUR))


class TestDivide:
    @pytest.mark.parametrize(
        ("source", "count", "words"),
        [
            ("digits", 450, "Calibration: 100 training digits. Evaluation: 450 test digits."),
            ("random", 50, "Calibration: 100 other random inputs. Evaluation: these 50."),
        ],
    )
    def test_no_sample_calibrates_and_evaluates(self, source, count, words):
        given = contract(Spec("float32", (None, 8, 8, 1)), out=Spec("float32", (None, 10)))
        taken = samples.load(source, given, None, count)
        calibration, evaluation, found = samples.divide(source, taken, given)
        assert evaluation is taken and len(calibration["a"]) == 100 and found == words
        evaluated = {one.tobytes() for one in evaluation.inputs["a"]}
        assert not evaluated & {one.tobytes() for one in calibration["a"]}
        low = samples.divide(source, taken, given, entry((-1, 1)))[0]["a"]
        assert low.min() < -0.99  # the range holds for both

    @pytest.mark.parametrize(("count", "calibrates"), [(40, 13), (450, 100)])
    def test_of_your_own_a_third_calibrates_from_all_classes(self, count, calibrates):
        numbers, size = np.arange(count), math.ceil(count / 4)
        taken = Samples({"a": numbers, "b": -numbers}, numbers // size, "planted")
        some, rest, words = samples.divide("my.npz", taken, contract(COLOUR))
        assert len(some["a"]) == calibrates and len(set(some["a"] // size)) == 4
        assert sorted([*some["a"], *rest.inputs["a"]]) == numbers.tolist()
        assert np.array_equal(rest.inputs["b"], -rest.inputs["a"])
        assert np.array_equal(rest.labels, rest.inputs["a"] // size)
        others = count - calibrates
        assert words == f"Calibration: {calibrates} of the samples. Evaluation: the other {others}."

    def test_the_content_decides_and_not_the_order(self):
        given = np.random.default_rng(0).random((90, 3))
        texts = np.array([f"text {number}" for number in range(90)], object)
        labels = np.arange(90) % 4
        order = np.random.default_rng(1).permutation(90)
        found = []
        for turn in (np.arange(90), order):
            taken = Samples({"a": given[turn], "b": texts[turn]}, labels[turn], "planted")
            some, rest, _ = samples.divide("my.npz", taken, contract(COLOUR))
            found.append((some["b"].tolist(), sorted(rest.inputs["b"].tolist())))
        assert found[0] == found[1] and len(found[0][0]) == 30

    @pytest.mark.parametrize(
        ("seconds", "kept"), [(0.01, (100, 450)), (1, (10, 60)), (0.2, (50, 300)), (60, (10, 10))]
    )
    def test_a_slow_model_gets_fewer_with_a_word(self, seconds, kept):
        taken = Samples({"a": np.arange(450)}, np.arange(450), "planted")
        some, rest, words = samples.fewer({"a": np.arange(100)}, taken, seconds)
        assert (len(some["a"]), len(rest.inputs["a"])) == kept == (len(some["a"]), len(rest.labels))
        assert words == "" if kept == (100, 450) else f"{kept[0]} samples calibrate" in words

    def test_few_are_both_sets_at_once(self):
        taken = Samples({"a": np.arange(39)}, None, "planted")
        some, rest, words = samples.divide("my.npy", taken, contract(COLOUR))
        assert some is taken.inputs and rest is taken
        assert words == "With only 39, calibration and evaluation set are the same."


def test_labels_are_found_in_the_assets_before_the_samples_folder(tmp_path):
    for folder, first in (("model/assets", "cat"), ("samples", "Katze")):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "labels.txt").write_text(f"{first}\nb\nc\n", encoding="utf-8")
    model, own = tmp_path / "model", tmp_path / "samples"
    assert samples.labels_of(model, own, 3) == (
        ["cat", "b", "c"],
        "labels.txt in the SavedModel's assets",
    )
    assert samples.labels_of(tmp_path, own, 3) == (
        ["Katze", "b", "c"],
        "labels.txt in the samples' folder",
    )
    (own / "my.npy").touch()
    (own / "labels.txt").rename(own / "My_LABELS.TXT")
    (own / "My_LABELS.TXT").write_text("\ufeffbackground\nKatze\nb\nc\n\n", encoding="utf-8")
    assert samples.labels_of(tmp_path, own / "my.npy", 3)[0] == ["Katze", "b", "c"], (
        "case, mark, blank line, npy"
    )
    assert samples.labels_of(model, own, 5) == samples.labels_of(model, "random", 0) == ([], "")


def test_neither_tensorflow_nor_pillow_is_loaded_before_it_is_needed():
    code = "import sys; from hub_to_tflite.report import samples; "
    code += "print({'tensorflow', 'PIL'} & set(sys.modules))"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "set()"
