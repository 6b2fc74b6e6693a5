"""The catalogue: each spelling of a handle finds its family; what only looks alike does not."""

import re
from urllib.parse import urlsplit

import pytest

from helpers import tinyhub
from hub_to_tflite.report import catalogue
from hub_to_tflite.report.contracts import Contract, Spec

IMAGES = Spec("float32", (None, 224, 224, 3))
FAMILIES = {
    ("MobileNet V1", 224): ["http://127.0.0.1:8765/rebuilt/mobilenet_v1_025_224/classification/1"],
    ("MobileNet V1", 160): ["models/mobilenet_v1_025_160/feature_vector/1.tar.gz#serving_default"],
    ("MobileNet V2", 224): [
        "https://tfhub.dev/google/imagenet/mobilenet_v2_100_224/classification/5",
        "https://tfhub.dev/google/tf2-preview/mobilenet_v2/classification/4",
        "https://www.kaggle.com/models/google/mobilenet-v2/TensorFlow2/100-224-classification/2",
        "google/mobilenet-v2/tensorFlow2/tf2-preview-feature-vector",
        "~/.cache/kagglehub/models/google/mobilenet-v2/tensorFlow2/100-224-classification/2",
    ],
    ("MobileNet V2", 128): [
        "https://kaggle.com/models/google/mobilenet-v2/frameworks/TensorFlow2/variations/"
        "035-128-classification/versions/2?tfhub-redirect=true"
    ],
    ("MobileNet V3", 224): [
        "C:\\models\\imagenet\\mobilenet_v3_small_100_224\\classification\\5",
        "google/mobilenet-v3/tensorFlow2/large-100-224-feature-vector/1",
    ],
    ("EfficientNet", 600): ["https://tfhub.dev/tensorflow/efficientnet/b7/feature-vector/1"],
    ("EfficientNet", 224): [
        "https://www.kaggle.com/models/tensorflow/efficientnet/TensorFlow2/b0-classification/1"
    ],
    ("EfficientNet-Lite", 380): [
        "https://tfhub.dev/tensorflow/efficientnet/lite4/classification/2"
    ],
    ("EfficientNet V2", 240): [
        "https://tfhub.dev/google/imagenet/efficientnet_v2_imagenet1k_b1/feature_vector/2"
    ],
    ("EfficientNet V2", 480): [
        "google/efficientnet-v2/tensorFlow2/imagenet21k-ft1k-m-feature-vector"
    ],
    ("ResNet V1", 224): [
        "https://tfhub.dev/google/imagenet/resnet_v1_101/classification/5",
        "https://tfhub.dev/tensorflow/resnet_50/feature_vector/1",
    ],
    ("ResNet V2", 224): [
        "https://www.kaggle.com/models/google/resnet-v2/TensorFlow2/50-classification/2"
    ],
    ("Inception V1", 224): ["https://tfhub.dev/google/imagenet/inception_v1/classification/5"],
    ("Inception V3", 299): [
        "https://www.kaggle.com/models/google/inception-v3/TensorFlow2/feature-vector/2",
        "https://tfhub.dev/google/tf2-preview/inception_v3/classification/4",
    ],
    ("Inception ResNet V2", 299): [
        "https://tfhub.dev/google/imagenet/inception_resnet_v2/classification/5",
        "google/inception-resnet-v2/tensorFlow2/tf2-preview-classification/2",
    ],
    ("MoveNet, singlepose lightning", 192): [
        "https://tfhub.dev/google/movenet/singlepose/lightning/4"
    ],
    ("MoveNet, singlepose thunder", 256): ["google/movenet/singlepose/thunder/4"],
    ("MoveNet, multipose lightning", 256): ["google/movenet/TensorFlow2/multipose-lightning/1"],
    ("SSD MobileNet V2", 640): ["https://tfhub.dev/tensorflow/ssd_mobilenet_v2/fpnlite_640x640/1"],
    ("SSD MobileNet V2", 320): ["tensorflow/ssd-mobilenet-v2/TensorFlow2/ssd-mobilenet-v2"],
    ("this course's digits, MobileNet V2", 48): ["digits/mobilenet_v2/classification/1"],
    ("keyword spotting, DS-CNN of MLPerf Tiny", None): [
        "http://127.0.0.1:8765/mlperf-tiny/keyword_spotting/1"
    ],
    ("YAMNet", None): [
        "https://tfhub.dev/google/yamnet/1",
        "https://www.kaggle.com/models/google/yamnet/frameworks/tensorFlow2/variations/yamnet/versions/1",
    ],
    ("Universal Sentence Encoder", None): [
        "https://tfhub.dev/google/universal-sentence-encoder-large/5",
        "google/universal-sentence-encoder/tensorFlow2/large",
    ],
    ("Universal Sentence Encoder, multilingual", None): [
        "google/universal-sentence-encoder/tensorFlow2/multilingual",
        "google/universal-sentence-encoder-multilingual-large/3",
    ],
    ("NNLM text embedding", None): [
        "https://tfhub.dev/google/nnlm-en-dim128-with-normalization/2",
        "google/nnlm/TensorFlow2/tf2-preview-de-dim50/1",
    ],
    ("BERT encoder", None): [
        "https://tfhub.dev/tensorflow/small_bert/bert_en_uncased_L-2_H-128_A-2/2",
        "https://kaggle.com/models/tensorflow/bert/TensorFlow2/en-uncased-l-12-h-768-a-12/2",
    ],
    ("BERT preprocessing", None): [
        "https://kaggle.com/models/tensorflow/bert/TensorFlow2/en-uncased-preprocess/3"
    ],
    ("this course's text model", None): ["text/prose_or_code/classification/1"],
}
HANDLES = [(handle, *known) for known, handles in FAMILIES.items() for handle in handles]


def contract(given, *outputs):
    inputs = given if isinstance(given, dict) else {"images": given}
    named = {f"output_{number}": one for number, one in enumerate(outputs)}
    return Contract("serving_default", inputs, named)


@pytest.mark.parametrize(("handle", "family", "side"), HANDLES)
def test_each_spelling_of_a_handle_finds_its_family_and_its_size(handle, family, side):
    entry = catalogue.find(handle)
    assert entry.family == family
    if side:
        assert entry.input_size == (side, side)
    assert all(line.count("|") == 3 for line in catalogue.known(entry).splitlines())
    assert "{" not in str(entry), "a placeholder that nothing filled"


def test_the_file_is_as_it_says_and_no_pattern_is_there_that_these_tests_do_not_reach():
    data, untested = catalogue.load(), []
    assert set(data) == {"short", "takes", "unknown", "lists", "families"}
    keys = {"family", "takes", "handles", "output", "converts", "sources"}
    optional = {"defaults", "input_range", "input_size", "labels", "classes", "note"}
    paths = [catalogue._path(handle) for handle, *_ in HANDLES]
    for family in data["families"]:
        assert keys <= set(family) <= keys | optional, family["family"]
        assert ("labels" in family) != ("classes" in family), family["family"]
        assert family["takes"] in data["takes"]
        for source in family["sources"]:
            assert source.startswith("hub/") or urlsplit(source).scheme == "https", source
        untested += [
            pattern
            for pattern in family["handles"]
            if not any(re.search(rf"(?:^|/){pattern}(?:/\d+)?$", path) for path in paths)
        ]
    assert not untested


@pytest.mark.parametrize(
    "handle",
    [
        "",
        "https://tfhub.dev/google/imagenet/mobile_network_v2/classification/5",
        "https://tfhub.dev/someone/mobilenet_v2_100_224/segmentation/1",
        "https://tfhub.dev/someone/mobilenet_v2_100_224/classification_of_birds/1",
        "someone/mobilenet_v2/classification/1",  # whose range nobody said
        "mobilenet_v2_100_224",
        "my_mobilenet_v2_100_224/classification/5",
        "models/imagenet/notresnet_v2_50/classification/1",
        "my/resnet_50/classification/1",
        "google/inaturalist/inception_v3/feature_vector/5",
        "google/mobilenet-v2/tensorFlow1/openimages-v4-ssd-mobilenet-v2/1",
        "google/mobilenet-v2/tfLite/100-224-classification/1",  # no SavedModel
        "google/bert/tensorFlow2/answer-equivalence-bem",
        "keras/efficientnetb0",  # Keras's own takes 0 to 255
        "my_ssd_mobilenet_v2/1",
        "mobilenet_v2_100_224/classification/5/assets",
    ],
)
def test_what_only_looks_alike_is_not_known(handle):
    assert catalogue.find(handle) is None


@pytest.mark.parametrize(
    ("handle", "given"),
    [
        ("imagenet/mobilenet_v2_100_224/classification/5", Spec("uint8", (None, 224, 224, 3))),
        ("imagenet/mobilenet_v2_100_224/classification/5", Spec("float32", (None, 3, 224, 224))),
        ("imagenet/mobilenet_v2_100_224/classification/5", {"a": IMAGES, "b": IMAGES}),
        ("google/movenet/singlepose/lightning/4", IMAGES),
        ("google/universal-sentence-encoder/4", IMAGES),
        ("google/yamnet/1", Spec("float32", (None, 96, 64))),
        ("mlperf-tiny/keyword_spotting/1", Spec("float32", (None, 490))),
        ("tensorflow/bert_en_uncased_L-12_H-768_A-12/4", Spec("int32", (None, None))),
    ],
)
def test_a_model_that_takes_something_else_than_its_name_says_is_not_known(handle, given):
    assert catalogue.find(handle)
    assert catalogue.find(handle, contract(given, Spec("float32", (None, 5)))) is None


def test_a_contract_that_fits_leaves_the_entry_in_place():
    handle = "imagenet/mobilenet_v1_100_224/classification/5"
    for given in (IMAGES, Spec("float32", (None, None, None, 3)), Spec("float32", None)):
        assert catalogue.find(handle, contract(given)).family == "MobileNet V1"
    tokens = dict.fromkeys(["mask", "type_ids", "word_ids"], Spec("int32", (None, None)))
    bert = catalogue.find("tensorflow/bert_en_uncased_L-12_H-768_A-12/4", contract(tokens))
    assert bert.family == "BERT encoder"
    yamnet = catalogue.find("google/yamnet/1", contract(Spec("float32", (None,))))
    assert yamnet.input_range == (-1, 1)


@pytest.mark.parametrize(
    ("count", "words"),
    [
        (1001, '"background" first'),
        (1000, "without the first"),
        (21841, "lemmas"),
        (5, "no such list"),
    ],
)
def test_the_number_of_outputs_decides_which_list_of_labels_is_meant(count, words):
    handle = "google/imagenet/efficientnet_v2_imagenet21k_ft1k_s/classification/2"
    entry = catalogue.find(handle, contract(IMAGES, Spec("float32", (None, count))))
    assert entry.labels.startswith(f"{count:,}") and words in entry.labels


def test_only_classifiers_score_classes():
    for name in ("mobilenet_v2_100_224", "resnet_v2_50", "inception_v3"):
        for task in ("classification", "feature_vector"):
            output = catalogue.find(f"imagenet/{name}/{task}").output
            assert ("logit" in output) == (task == "classification")


def test_the_course_describes_its_own_models_as_its_hub_does():
    for file in tinyhub.EMBEDDED.glob("*/*/*/1.md"):
        handle = file.parent.relative_to(tinyhub.EMBEDDED).as_posix()
        entry = catalogue.find(f"http://127.0.0.1:8765/{handle}/1")
        text = file.read_text(encoding="utf-8")
        assert entry.sources == (file.relative_to(tinyhub.EMBEDDED.parent).as_posix(),)
        if entry.input_range:
            side = entry.input_size[0]
            assert "RGB in [0, 1]" in text and f"(batch, {side}, {side}, 3)" in text


def test_a_reader_sees_the_facts_or_what_to_ask():
    table = catalogue.known(catalogue.find("google/movenet/singlepose/thunder/4"))
    assert "| input range | 0 to 255 |" in table and "| input size | 256 × 256 |" in table
    assert "[1](https://" in table
    table = catalogue.known(catalogue.find("google/nnlm-en-dim50/2"))
    assert "| input range | the publisher does not say |" in table
    assert "Which range" in catalogue.known(None) and "publisher" in catalogue.known(None)
