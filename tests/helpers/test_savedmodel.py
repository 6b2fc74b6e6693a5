"""Any SavedModel: each kind runs as its author would run it, each wrong input is refused first."""

import re

import numpy as np
import pytest

from helpers import convert, handles, interpreter, savedmodel
from helpers.savedmodel import SavedModelError, Spec
from tests import awkward


def numbers(*shape):
    return np.random.default_rng(0).random(shape, np.float32)


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """Return a function that saves an awkward model once, or one of `function` and its inputs."""
    import tensorflow as tf

    root = tmp_path_factory.mktemp("models")

    def save(name, function=None, **inputs):
        folder = root / name
        if not folder.exists() and function is None:
            getattr(awkward, name)(str(folder))
        elif not folder.exists():
            specs = [tf.TensorSpec(shape, dtype, key) for key, (dtype, shape) in inputs.items()]
            module = tf.Module()
            module.serve = tf.function(function, specs, autograph=False)
            tf.saved_model.save(module, str(folder), {"serving_default": module.serve})
        return folder

    return save


@pytest.fixture(scope="module")
def tf1_module(tmp_path_factory):
    """What TF1 Hub served: the signature "default", in a graph without tags."""
    folder = tmp_path_factory.mktemp("tf1") / "module"
    awkward.tf1_module(folder)
    return folder


class TestLoad:
    def test_the_embedded_models_are_named_and_run(self):
        folder = handles.fetch(handles.locate(handles.DEFAULT))
        model = savedmodel.load(folder)
        assert model.signature == "serving_default" and model.signatures == ("serving_default",)
        assert model.inputs == {"images": Spec("float32", (None, 48, 48, 3))}
        assert model.outputs == {"logits": Spec("float32", (None, 10))}
        images = numbers(70, 48, 48, 3)
        whole = model.loaded.signatures["serving_default"](images=images)["logits"]
        np.testing.assert_allclose(model.predict(images), whole, atol=1e-4)

    def test_a_full_handle_is_loaded_too(self):
        handle = handles.locate(handles.DEFAULT)
        assert handle.startswith("http")
        assert savedmodel.load(handle).inputs == {"images": Spec("float32", (None, 48, 48, 3))}

    def test_several_inputs_and_outputs_go_by_name(self, saved):
        model = savedmodel.load(saved("two_inputs"))
        dense, ids = numbers(5, 8), np.arange(15, dtype=np.int32).reshape(5, 3)
        outputs = model.predict({"ids": ids, "dense": dense}, batch_size=2)
        assert {name: value.shape for name, value in outputs.items()} == {
            "scores": (5, 5),
            "sum": (5,),
        }
        np.testing.assert_allclose(
            outputs["sum"], ids.sum(1) + outputs["scores"].mean(1), rtol=1e-5
        )

    def test_one_array_returns_one_array_and_a_dictionary_a_dictionary(self, saved):
        model, x = savedmodel.load(saved("keras_3")), numbers(3, 12, 12, 1)
        [name], [output] = model.inputs, model.outputs
        assert model.signature == "serving_default"
        assert set(model.predict({name: x})) == {output}
        np.testing.assert_array_equal(model.predict({name: x})[output], model.predict(x))
        np.testing.assert_allclose(model.predict(x).sum(1), 1, rtol=1e-5)

    def test_of_several_signatures_one_is_named(self, saved):
        with pytest.raises(SavedModelError, match="no default signature. Found: encode, score"):
            savedmodel.load(saved("two_signatures"))
        with pytest.raises(SavedModelError, match="no signature 'serve'. Found: encode, score"):
            savedmodel.load(saved("two_signatures"), "serve")
        model = savedmodel.load(saved("two_signatures"), "score")
        assert model.signature == "score" and model.signatures == ("encode", "score")
        np.testing.assert_allclose(model.predict(numbers(3, 4)).sum(1), 1, rtol=1e-5)

    def test_a_tf1_module_has_no_tag(self, tf1_module):
        assert savedmodel.read(tf1_module)[1] == []
        model = savedmodel.load(tf1_module)
        assert (model.signature, model.outputs) == (
            "default",
            {"default": Spec("float32", (None, 2))},
        )
        np.testing.assert_allclose(model.predict(numbers(3, 2)), 3 * numbers(3, 2))
        file = interpreter.load(convert.convert(tf1_module))
        np.testing.assert_allclose(interpreter.predict(file, numbers(3, 2)), 3 * numbers(3, 2))

    def test_without_signatures_the_call_for_inference_runs(self, saved):
        model, x = savedmodel.load(saved("plain_module")), numbers(3, 5)
        assert model.signature == "__call__" and model.signatures == ("__call__", "double", "half")
        outputs = model.predict(x)
        direct = model.loaded(x, False)
        np.testing.assert_allclose(outputs["output_0"], direct[0], rtol=1e-5)
        np.testing.assert_allclose(outputs["output_1"], x.sum(1), rtol=1e-5)
        half = savedmodel.load(saved("plain_module"), "half")
        np.testing.assert_allclose(half.predict(x), x / 2)

    def test_nothing_to_call_is_said(self, saved):
        with pytest.raises(SavedModelError, match="Found: none, and no traced function"):
            savedmodel.load(saved("nothing_to_call"))

    @pytest.mark.parametrize("content", [None, b"", b"<!DOCTYPE html>"])
    def test_what_is_no_saved_model_is_said(self, tmp_path, content):
        if content is not None:
            (tmp_path / "saved_model.pb").write_bytes(content)
        with pytest.raises(SavedModelError, match="is not a SavedModel|no graph for inference"):
            savedmodel.load(tmp_path)

    def test_a_sparse_input_is_said(self, tmp_path):
        import tensorflow as tf

        v1, folder = tf.compat.v1, tmp_path / "sparse"
        builder = v1.saved_model.Builder(str(folder))
        with tf.Graph().as_default(), v1.Session() as session:
            x = v1.sparse_placeholder(tf.float32, [None, 4])
            signature = v1.saved_model.predict_signature_def(
                {"x": x}, {"y": tf.sparse.reduce_sum(x, 1)}
            )
            builder.add_meta_graph_and_variables(session, ["serve"], {"serving_default": signature})
        builder.save()
        with pytest.raises(SavedModelError, match="must take and return dense tensors.*coo_sparse"):
            savedmodel.load(folder)

    def test_reading_the_specs_loads_nothing(self, saved, monkeypatch):
        import tensorflow as tf

        folder = saved("two_inputs")
        monkeypatch.setattr(tf.saved_model, "load", None)
        signatures, tags = savedmodel.read(folder)
        inputs, outputs = signatures["serving_default"]
        assert inputs == {"dense": Spec("float32", (None, 8)), "ids": Spec("int32", (None, 3))}
        assert str(outputs["scores"]) == "float32 (any, 5)" and tags == ["serve"]


class TestBatches:
    """How the samples go in: what comes out must not depend on it."""

    def test_any_number_runs_in_batches(self, saved):
        import tensorflow as tf

        rows = []

        def serve(x):
            rows.append(x.shape[0])
            return {"y": 2 * x, "seen": tf.fill([tf.shape(x)[0]], tf.shape(x)[0])}

        folder = saved("counted", serve, x=(tf.float32, [None, 2]))
        model, x = savedmodel.load(folder), numbers(7, 2)
        outputs = model.predict(x, batch_size=3)
        assert outputs["seen"].tolist() == [3, 3, 3, 3, 3, 3, 1]
        np.testing.assert_array_equal(outputs["y"], 2 * x)

    @pytest.mark.parametrize(("batch", "count"), [(1, 3), (4, 3), (4, 8), (4, 9)])
    def test_a_fixed_batch_runs_as_it_is(self, saved, batch, count):
        import tensorflow as tf

        folder = saved(f"fixed_{batch}", lambda x: {"y": x + 1}, x=(tf.float32, [batch, 2]))
        x = numbers(count, 2)
        np.testing.assert_array_equal(savedmodel.load(folder).predict(x), x + 1)

    def test_without_a_batch_dimension_samples_run_one_at_a_time(self, saved):
        model, sounds = savedmodel.load(saved("without_batch")), numbers(3, 256)
        outputs = model.predict({"waveform": sounds})
        np.testing.assert_allclose(outputs["loudest"], sounds.max(1))
        assert outputs["scores"].shape == (3, 7, 5)
        alone = model.call({"waveform": sounds[2]})["scores"]
        np.testing.assert_allclose(outputs["scores"][2], alone, rtol=1e-5)

    def test_a_dynamic_height_without_a_batch_is_not_taken_for_one(self, saved):
        import tensorflow as tf

        folder = saved(
            "one_image", lambda x: {"mean": tf.reduce_mean(x)}, x=(tf.float32, [None, None, 3])
        )
        x = numbers(4, 6, 5, 3)
        np.testing.assert_allclose(savedmodel.load(folder).predict(x), x.mean((1, 2, 3)), rtol=1e-5)

    def test_a_number_for_each_sample_goes_beside_a_batch(self, saved):
        import tensorflow as tf

        folder = saved(
            "user_and_dense",
            lambda user, dense: {"y": tf.cast(user, tf.float32) + tf.reduce_sum(dense, 1)},
            user=(tf.int32, [None]),
            dense=(tf.float32, [None, 2]),
        )
        user, dense = np.arange(5, dtype=np.int32), numbers(5, 2)
        y = savedmodel.load(folder).predict({"user": user, "dense": dense}, 2)["y"]
        np.testing.assert_allclose(y, user + dense.sum(1), rtol=1e-6)

    def test_a_scalar_beside_a_batch_goes_sample_by_sample(self, saved):
        import tensorflow as tf

        folder = saved(
            "scaled",
            lambda x, scale: {"y": x * scale},
            x=(tf.float32, [None, 2]),
            scale=(tf.float32, []),
        )
        x, scale = numbers(4, 2), numbers(4)
        y = savedmodel.load(folder).predict({"x": x, "scale": scale})["y"]
        np.testing.assert_allclose(y, x * scale[:, None], rtol=1e-6)

    def test_an_output_without_a_batch_is_given_for_each_sample(self, saved):
        import tensorflow as tf

        folder = saved(
            "with_total",
            lambda x: {"y": 2 * x, "total": tf.reduce_sum(x), "anchors": tf.range(3)},
            x=(tf.float32, [None, 3]),
        )
        x = numbers(3, 3)
        outputs = savedmodel.load(folder).predict(x)
        np.testing.assert_allclose(outputs["total"], x.sum(1), rtol=1e-6)
        assert outputs["anchors"].tolist() == [[0, 1, 2]] * 3
        np.testing.assert_array_equal(outputs["y"], 2 * x)

    def test_an_output_of_unknown_shape_without_a_batch_is_found_when_it_runs(self, saved):
        import tensorflow as tf

        folder = saved(
            "found",
            lambda x: {"over": tf.boolean_mask(x, x >= 0)},
            x=(tf.float32, [None, 3]),
        )
        x = numbers(4, 3)
        np.testing.assert_array_equal(savedmodel.load(folder).predict(x), x)

    def test_outputs_that_differ_in_shape_are_said(self, saved):
        import tensorflow as tf

        folder = saved(
            "some", lambda x: {"y": tf.boolean_mask(x, x >= 0)}, x=(tf.float32, [None, 3])
        )
        with pytest.raises(SavedModelError, match="return one shape.*outputs of.* Pad them"):
            savedmodel.load(folder).predict(np.float32([[1, 1, 1], [1, -1, 1]]))

    @pytest.mark.parametrize(
        ("name", "inputs", "shape"),
        [
            ("uint8_input", np.full((2, 16, 16, 3), 7, np.uint8), (2, 7)),
            ("dynamic_size", numbers(2, 10, 8, 3), (2, 5, 4, 4)),
            ("float64_inside", numbers(2, 6), (2, 3)),
        ],
    )
    def test_every_kind_of_input_runs(self, saved, name, inputs, shape):
        assert savedmodel.load(saved(name)).predict(inputs).shape == shape

    def test_float64_and_strings_run(self, saved):
        import tensorflow as tf

        double = saved("double", lambda x: {"y": 2 * x}, x=(tf.float64, [None, 2]))
        assert savedmodel.load(double).predict(np.ones((2, 2))).dtype == np.float64
        length = saved("length", lambda t: {"n": tf.strings.length(t)}, t=(tf.string, [None]))
        assert savedmodel.load(length).predict(["one", "three"]).tolist() == [3, 5]


class TestRefusals:
    """Planted faults: one sentence, and the model is not run."""

    @pytest.mark.parametrize(
        ("inputs", "words"),
        [
            (
                numbers(2, 8),
                "inputs are 'dense': float32 (any, 8).*Found: one array without a name",
            ),
            ({"dense": numbers(2, 8)}, "Found: dense. Give all of them by name"),
            ({}, "Found: . Give all of them"),
            ({"dense": 1, "ids": 1, "more": 1}, "Found: dense, ids, more."),
            (
                {"dense": numbers(2, 8), "ids": np.ones((3, 3), np.int32)},
                "Found: shapes {'dense': (2, 8), 'ids': (3, 3)}.*one row for each sample",
            ),
            (
                {"dense": numbers(2, 8), "ids": np.ones((2, 4), np.int32)},
                "'ids' takes int32 (any, 3). Found: int32 (2, 4).",
            ),
            (
                {"dense": numbers(2, 8), "ids": np.ones((2, 3))},
                "'ids' takes int32 (any, 3). Found: float64 (2, 3). Convert it: .astype(np.int32).",
            ),
            (
                {"dense": numbers(8), "ids": np.ones(8, np.int32)},
                "'dense' takes float32 (any, 8). Found: float32 (8,). The batch dimension is",
            ),
            (
                {"dense": numbers(0, 8), "ids": np.ones((0, 3), np.int32)},
                "one row for each sample",
            ),
            ({"dense": np.float32(1), "ids": np.int32(1)}, "Found: float32 ()."),
            ({"dense": ["a"], "ids": np.ones((1, 3), np.int32)}, "float32 (any, 8). Found: string"),
        ],
    )
    def test_wrong_inputs_get_one_sentence_and_nothing_runs(self, saved, inputs, words):
        model = savedmodel.load(saved("two_inputs"))
        calls = []
        object.__setattr__(model, "function", lambda **given: calls.append(given))
        pattern = ".*".join(re.escape(part) for part in words.split(".*"))
        with pytest.raises(SavedModelError, match=pattern) as caught:
            model.predict(inputs)
        assert not calls and "\n" not in str(caught.value)

    def test_one_sound_is_not_taken_for_many(self, saved):
        with pytest.raises(SavedModelError, match=r"missing: add it with \[None\]"):
            savedmodel.load(saved("without_batch")).predict(numbers(256))

    def test_two_fixed_batches_are_said(self, saved):
        import tensorflow as tf

        folder = saved(
            "two_batches",
            lambda x, y: {"z": x[:1] + y[:1]},
            x=(tf.float32, [2, 4]),
            y=(tf.float32, [3, 4]),
        )
        with pytest.raises(SavedModelError, match="no common batch"):
            savedmodel.load(folder).predict({"x": numbers(6, 4), "y": numbers(6, 4)})
