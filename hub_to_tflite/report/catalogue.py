"""What Hub's model families take and give, as far as their publishers say it. Taught in 11_bring_your_own_model.

A signature gives names, dtypes and shapes. It does not give the range of the numbers, nor what the outputs mean. That
stands in each model's documentation; here is what was read there, with the address of each page. A handle that is not
known gives None: then ask its publisher.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

HUB = "https://github.com/tensorflow/tfhub.dev/blob/master/assets/docs/"
IMAGES = "https://github.com/tensorflow/hub/blob/master/docs/common_saved_model_apis/images.md"
RETRAINING = (
    "https://github.com/tensorflow/hub/blob/master/examples/colab/tf2_image_retraining.ipynb"
)
TEXT_OPS = "https://www.tensorflow.org/text/guide/text_tf_lite"
TINY = "https://github.com/mlcommons/tiny/blob/master/"
IMAGENET = "https://storage.googleapis.com/download.tensorflow.org/data/ImageNetLabels.txt"
IMAGENET_21K = "https://storage.googleapis.com/bit_models/imagenet21k_wordnet_lemmas.txt"
LISTS = {
    1001: f'1,001: the lines of {IMAGENET}, "background" first',
    1000: f'1,000: the lines of {IMAGENET} without the first, "background"',
    21841: f"21,841: the lines of {IMAGENET_21K}",
}
WORDS = (
    "down",
    "go",
    "left",
    "no",
    "off",
    "on",
    "right",
    "stop",
    "up",
    "yes",
    "silence",
    "unknown",
)


@dataclass(frozen=True)
class Entry:
    """What the publisher of a family of models says. `input_range` and `input_size` are None where nothing is said.

    `input_range` is (lowest, highest); `input_size` has the sizes that a signature may leave open: (height, width) of a
    picture, (length,) of a sound or a sequence.
    """

    family: str
    input_range: tuple | None
    input_size: tuple | None
    output: str
    labels: str
    converts: str
    sources: tuple
    note: str = ""


def find(handle, contract=None):
    """Return the Entry for a handle in any of its forms, or None where the catalogue does not know the model.

    The end of the handle decides: a tfhub.dev or Kaggle address, kagglehub's short form, another hub's address, or a
    folder whose last parts read so. Where a contracts.Contract is given it has to agree: a model that takes something
    else than its name says is not known. Taught in 11_bring_your_own_model.
    """
    path = _path(handle)
    for pattern, takes, entry in FAMILIES:
        found = re.search(rf"(?:^|/){pattern}(?:/\d+)?$", path)
        if found and (contract is None or takes(contract)):
            return entry(found.groupdict(), _count(contract))
    return None


def known(entry):
    """Return what the catalogue knows about a model as Markdown, or what to ask its publisher where that is None."""
    if entry is None:
        return (
            "**The catalogue does not know this model.** Ask its publisher:\n\n"
            "- Which range do the numbers of each input have: 0 to 1, −1 to 1, 0 to 255? In which order are colours?\n"
            "- How is a sample made: resized or cropped, which rate of sound, which words?\n"
            "- What does each output mean, and which label stands at which place?\n\n"
            "Then give `SAMPLES` real inputs in that form."
        )
    rows = [
        ("family", entry.family),
        ("input range", entry.input_range and "{:g} to {:g}".format(*entry.input_range)),
        ("input size", entry.input_size and " × ".join(map(str, entry.input_size))),
        ("output", entry.output),
        ("labels", entry.labels),
        ("converts", entry.converts),
        ("note", entry.note),
        ("sources", ", ".join(f"[{number}]({url})" for number, url in enumerate(entry.sources, 1))),
    ]
    lines = [
        f"| {name} | {value or 'the publisher does not say'} |"
        for name, value in rows
        if value or name != "note"
    ]
    return "\n".join(["| | |", "|---|---|", *lines])


def _path(handle):
    """Return the path of a handle in one spelling: lower case, underscores, and without what is no name."""
    text = re.sub(r"[?#].*", "", str(handle))
    path = urlsplit(text).path if "://" in text else Path(text).as_posix()
    path = re.sub(r"\.tar\.gz$|\.tgz$", "", path.replace("\\", "/").rstrip("/").lower()).replace(
        "-", "_"
    )
    # Kaggle writes the same handle with and without these words, and `tensorFlow2` in two spellings.
    return re.sub(r"/(frameworks|variations|versions)(?=/)", "", path)


def _count(contract):
    """Return how many numbers the one output has for each sample, or None where that is open or not one number."""
    outputs = list(contract.outputs.values()) if contract else []
    if len(outputs) == 1 and outputs[0].shape and len(outputs[0].shape) == 2:
        return outputs[0].shape[1]
    return None


# What a contract has to be for an entry to hold


def _one(dtype, fits):
    """Return a check for contracts with one input, of a dtype and a shape for which `fits(shape)` holds."""

    def takes(contract):
        specs = list(contract.inputs.values())
        return (
            len(specs) == 1
            and specs[0].dtype == dtype
            and (specs[0].shape is None or fits(specs[0].shape))
        )

    return takes


def _colours(shape):
    return len(shape) == 4 and shape[3] in (3, None)


PICTURES = _one("float32", _colours)
TEXTS = _one("string", lambda shape: len(shape) <= 2)


def _token_ids(contract):
    return len(contract.inputs) == 3 and all(
        spec.dtype == "int32" for spec in contract.inputs.values()
    )


# The entries


def _imagenet(family, size, published, pages, converts=None, note=""):
    """Return a function from (what a handle says, the number of outputs) to an Entry of an image model of Hub."""

    def entry(named, count):
        side = size(named) if callable(size) else size
        feature = named["task"] == "feature_vector"
        number = count or (published(named) if callable(published) else published)
        return Entry(
            family=family(named) if callable(family) else family,
            input_range=(0, 1),
            input_size=(side, side),
            output="a feature vector of each picture, for a layer of your own to build on"
            if feature
            else "logits, one for each class; softmax makes probabilities of them",
            labels="none: it names nothing"
            if feature
            else LISTS.get(
                number,
                f"{number:,}, and no list of its publisher has so many: ask for the right one",
            ),
            converts=converts
            or "yes, with built-in operators, as TensorFlow's tutorial does with image models of Hub",
            sources=(*(f"{HUB}{page}.md" for page in pages), IMAGES, RETRAINING),
            note=note,
        )

    return entry


_VERSIONS = (
    "On tfhub.dev, under google/imagenet, versions 1 to 3 are in TF1 Hub format, 4 is a SavedModel, and 5 added the "
    "signature serving_default."
)
_B_SIZES = {"b0": 224, "b1": 240, "b2": 260, "b3": 300, "b4": 380, "b5": 456, "b6": 528, "b7": 600}
_LITE_SIZES = {"lite0": 224, "lite1": 240, "lite2": 260, "lite3": 300, "lite4": 380}
_V2_SIZES = {"b0": 224, "b1": 240, "b2": 260, "b3": 300, "s": 384, "m": 480, "l": 480, "xl": 512}
_KERAS_RANGE = (
    "An EfficientNet of keras.applications is another model: it takes 0 to 255, and scales inside."
)

_MOBILENET = _imagenet(
    lambda named: f"MobileNet V{named['v']}",
    lambda named: int(named["side"] or 224),
    1001,
    [
        "google/models/imagenet/mobilenet_v1_025_224/classification/5",
        "google/models/imagenet/mobilenet_v2_100_224/classification/5",
        "google/models/imagenet/mobilenet_v2_100_224/feature_vector/5",
        "google/models/imagenet/mobilenet_v3_small_100_224/classification/5",
        "google/models/tf2-preview/mobilenet_v2/classification/4",
    ],
    note=_VERSIONS,
)
_EFFICIENTNET = _imagenet(
    "EfficientNet",
    lambda named: _B_SIZES[named["variant"]],
    1000,
    [
        *(f"tensorflow/models/efficientnet/b{number}/classification/1" for number in range(7)),
        "tensorflow/models/efficientnet/b7/feature-vector/1",
        "tensorflow/models/efficientnet/lite0/classification/2",
    ],
    converts="yes; for phones its publisher made EfficientNet-Lite, without squeeze-and-excite, which some "
    "accelerators lack, and with ReLU6 for swish, which is easier to quantize",
    note=f"Other sizes of pictures work too. {_KERAS_RANGE}",
)
_EFFICIENTNET_LITE = _imagenet(
    "EfficientNet-Lite",
    lambda named: _LITE_SIZES[named["variant"]],
    1000,
    [f"tensorflow/models/efficientnet/lite{number}/classification/2" for number in range(5)],
    converts="made for LiteRT: its publisher exports .tflite files, float and quantized",
    note="In TF1 Hub format: it has the signatures image_classification and image_feature_vector.",
)
_EFFICIENTNET_V2 = _imagenet(
    "EfficientNet V2",
    lambda named: _V2_SIZES[named["variant"]],
    lambda named: 1001 if named["trained"] == "1k" else 21841,
    [
        *(
            f"google/models/imagenet/efficientnet_v2_imagenet1k_{x}/classification/2"
            for x in ("b0", "b2", "b3")
        ),
        "google/models/imagenet/efficientnet_v2_imagenet1k_b1/feature_vector/2",
        *(
            f"google/models/imagenet/efficientnet_v2_imagenet1k_{x}/classification/2"
            for x in ("m", "l")
        ),
        "google/models/imagenet/efficientnet_v2_imagenet21k_b0/classification/2",
        "google/models/imagenet/efficientnet_v2_imagenet21k_ft1k_s/classification/2",
        "google/models/imagenet/efficientnet_v2_imagenet21k_xl/classification/2",
    ],
    note="The pages of the variants fine-tuned on ImageNet-1k name 21,841 classes: count the outputs. "
    + _KERAS_RANGE,
)
_RESNET = _imagenet(
    lambda named: f"ResNet V{named['v'] or 1}",
    224,
    1001,
    [
        "google/models/imagenet/resnet_v1_50/classification/5",
        "google/models/imagenet/resnet_v2_50/classification/5",
        "tensorflow/models/resnet_50/classification/1",
        "tensorflow/models/resnet_50/feature_vector/1",
    ],
    note=_VERSIONS,
)
_INCEPTION = _imagenet(
    lambda named: "Inception ResNet V2" if named["residual"] else f"Inception V{named['v']}",
    lambda named: 224 if named["v"] in ("1", "2") and not named["residual"] else 299,
    1001,
    [
        *(f"google/models/imagenet/inception_v{number}/classification/5" for number in (1, 2, 3)),
        "google/models/imagenet/inception_resnet_v2/classification/5",
    ],
    note=_VERSIONS,
)


def _keyword_spotting(named, count):
    return Entry(
        family="keyword spotting, DS-CNN of MLPerf Tiny",
        input_range=(-123.3, 25.7),
        input_size=None,
        output="probabilities of 12 words (softmax)",
        labels=f"12: {', '.join(WORDS)}",
        converts="yes, and to whole numbers only: its publisher ships such an int8 file",
        sources=(
            f"{TINY}v0.1/training/keyword_spotting/get_dataset.py",
            f"{TINY}v0.1/training/keyword_spotting/keras_model.py",
            f"{TINY}benchmark/training/keyword_spotting/quantize.py",
        ),
        note="An input is the MFCCs of one second of sound: 49 windows, 10 numbers each. They have no fixed range; "
        "this one is what the input of the published int8 file can hold.",
    )


def _yamnet(named, count):
    return Entry(
        family="YAMNet",
        input_range=(-1, 1),
        input_size=(15600,),
        output="three: scores of 521 sounds for each frame, embeddings of each frame, the log mel spectrogram",
        labels="521: yamnet_class_map.csv, in the SavedModel's assets",
        converts="its publisher converts a variant of its own (tflite_compatible=True); the one on Hub was not tried",
        sources=(
            f"{HUB}google/models/yamnet/1.md",
            f"{HUB}google/models/yamnet/classification/tflite/lite/1.md",
            "https://github.com/tensorflow/models/blob/master/research/audioset/yamnet/export.py",
        ),
        note="One sound at a time, mono, 16,000 numbers a second, of any length. The published .tflite takes 15,600.",
    )


def _movenet(named, count):
    kind = re.sub("[/_]", " ", named["kind"])
    many = kind == "multipose lightning"
    side = 192 if kind == "singlepose lightning" else 256
    return Entry(
        family=f"MoveNet, {kind}",
        input_range=(0, 255),
        input_size=(side, side),
        output="up to 6 people: 17 points of the body as (y, x, confidence), then a box (y, x, y, x, confidence)"
        if many
        else "17 points of the body, each as (y, x, confidence), 0 to 1",
        labels="none: the order of the points stands on its page",
        converts="its publisher ships .tflite files, float16 and int8 for a single pose, float16 for many",
        sources=tuple(
            f"{HUB}google/models/movenet/{page}.md"
            for page in (
                "singlepose/lightning/4",
                "singlepose/thunder/4",
                "multipose/lightning/1",
                "singlepose/lightning/tflite/int8/lite/4",
            )
        ),
        note="int32 pixels, one picture at a time, padded to a square and not squeezed into one.",
    )


def _ssd(named, count):
    return Entry(
        family="SSD MobileNet V2",
        input_range=(0, 255),
        input_size=(640, 640) if named["side"] == "640" else (320, 320),
        output="eight, among them detection_boxes (y, x, y, x), detection_classes and detection_scores",
        labels="the classes of COCO 2017; its page names no list",
        converts="not meant to: its publisher exports another SavedModel for LiteRT (export_tflite_graph_tf2.py)",
        sources=(
            f"{HUB}tensorflow/models/ssd_mobilenet_v2/2.md",
            f"{HUB}tensorflow/models/ssd_mobilenet_v2/fpnlite_320x320/1.md",
            "https://github.com/tensorflow/models/blob/master/research/object_detection/g3doc/running_on_mobile_tf2.md",
        ),
        note="uint8 pixels of any size, one picture at a time: it takes no batch.",
    )


def _sentence_encoder(named, count):
    multilingual = "multilingual" in named["name"]
    return Entry(
        family="Universal Sentence Encoder" + ", multilingual" * multilingual,
        input_range=None,
        input_size=None,
        output="a vector of 512 numbers for each text",
        labels="none: it names nothing",
        converts="not with built-in operators alone: it cuts texts up in its graph"
        + (", with operators of TensorFlow Text" if multilingual else ""),
        sources=(
            f"{HUB}google/models/universal-sentence-encoder/4.md",
            f"{HUB}google/models/universal-sentence-encoder-large/5.md",
            f"{HUB}google/models/universal-sentence-encoder-multilingual/3.md",
            "https://github.com/tensorflow/tensorflow/issues/42366",
        ),
        note="0.8 to 1 GB (the English ones). Lesson 09 shows where to cut a model of texts.",
    )


def _nnlm(named, count):
    return Entry(
        family="NNLM text embedding",
        input_range=None,
        input_size=None,
        output=f"a vector of {named['size']} numbers for each text",
        labels="none: it names nothing",
        converts="not tried; it cuts texts at spaces and hashes rare words in its graph, and LiteRT has no built-in "
        "operator for either",
        sources=(f"{HUB}google/models/nnlm-en-dim128/2.md",),
        note="Lesson 09 shows where to cut a model of texts.",
    )


def _bert(named, count):
    page = f"{HUB}tensorflow/models/bert_en_uncased_L-12_H-768_A-12/4.md"
    return Entry(
        family="BERT encoder",
        input_range=(0, 1),
        input_size=(128,),
        output=f"pooled_output, {named['hidden']} numbers for each text; sequence_output, as many for each token",
        labels="none: it names nothing",
        converts="not tried; it takes numbers, since words are cut by a model of its own, which stays outside",
        sources=(page, f"{HUB}tensorflow/models/bert_en_uncased_preprocess/3.md"),
        note="Three inputs: input_word_ids run over the vocabulary, input_mask and input_type_ids are 0 or 1. The "
        "range here is what all three allow. Real ones come from the preprocessing model that its page names.",
    )


def _bert_preprocess(named, count):
    return Entry(
        family="BERT preprocessing",
        input_range=None,
        input_size=None,
        output="three int32 tensors for a BERT encoder, 128 tokens long",
        labels="none: it names nothing",
        converts="not with built-in operators: its own are TensorFlow Text's; run it before the model, in Python",
        sources=(f"{HUB}tensorflow/models/bert_en_uncased_preprocess/3.md", TEXT_OPS),
        note="Loading it needs `import tensorflow_text`.",
    )


def _digits(named, count):
    feature = named["task"] == "feature_vector"
    return Entry(
        family="this course's digits, MobileNet V2",
        input_range=(0, 1),
        input_size=(48, 48),
        output="a feature vector of each picture, for a layer of your own to build on"
        if feature
        else "logits, one for each digit; softmax makes probabilities of them",
        labels="10: zero to nine, labels.txt in the SavedModel's assets",
        converts="yes, with every recipe (06_quantize)",
        sources=(f"hub/digits/mobilenet_v2/{named['task']}/1.md",),
        note="Light strokes on black.",
    )


def _prose_or_code(named, count):
    return Entry(
        family="this course's text model",
        input_range=None,
        input_size=None,
        output="logits of two classes, prose and code",
        labels="2: prose, code, labels.txt in the SavedModel's assets",
        converts="not with built-in operators alone; lesson 09 cuts it",
        sources=("hub/text/prose_or_code/classification/1.md",),
    )


_TASK = "(?P<task>classification|feature_vector)"
_KAGGLE = "tensorflow[12]"  # what Kaggle calls the framework of a SavedModel, or of a model in TF1 Hub format
_V2 = r"imagenet(?P<trained>1k|21k|21k_ft1k)_(?P<variant>b[0-3]|s|m|l|xl)"
_BERT = r"(?:bert_)?(?:en|zh|multi)(?:_wwm)?(?:_uncased|_cased)?_l_\d+_h_(?P<hidden>\d+)_a_\d+"
_POSE = "singlepose[/_]lightning|singlepose[/_]thunder|multipose[/_]lightning"
_USE = "universal_sentence_encoder"

# (how a handle ends, what a contract has to be, the entry): tfhub.dev's way of writing first, then Kaggle's.
FAMILIES = [
    (rf"mobilenet_v(?P<v>[12])_\d{{3}}_(?P<side>\d{{2,3}})/{_TASK}", PICTURES, _MOBILENET),
    (rf"mobilenet_v(?P<v>3)_(?:small|large)_\d{{3}}_(?P<side>224)/{_TASK}", PICTURES, _MOBILENET),
    (rf"tf2_preview/mobilenet_v(?P<v>2)(?P<side>)/{_TASK}", PICTURES, _MOBILENET),
    (
        rf"mobilenet_v(?P<v>[12])/{_KAGGLE}/\d{{3}}_(?P<side>\d{{2,3}})_{_TASK}",
        PICTURES,
        _MOBILENET,
    ),
    (
        rf"mobilenet_v(?P<v>3)/{_KAGGLE}/(?:small|large)_\d{{3}}_(?P<side>224)_{_TASK}",
        PICTURES,
        _MOBILENET,
    ),
    (rf"mobilenet_v(?P<v>2)/{_KAGGLE}/tf2_preview(?P<side>)_{_TASK}", PICTURES, _MOBILENET),
    (
        rf"tensorflow/efficientnet/(?:{_KAGGLE}/)?(?P<variant>b[0-7])[/_]{_TASK}",
        PICTURES,
        _EFFICIENTNET,
    ),
    (
        rf"tensorflow/efficientnet/(?:{_KAGGLE}/)?(?P<variant>lite[0-4])[/_]{_TASK}",
        PICTURES,
        _EFFICIENTNET_LITE,
    ),
    (rf"efficientnet_v2_{_V2}/{_TASK}", PICTURES, _EFFICIENTNET_V2),
    (rf"efficientnet_v2/{_KAGGLE}/{_V2}_{_TASK}", PICTURES, _EFFICIENTNET_V2),
    (rf"imagenet/resnet_v(?P<v>[12])_(?:50|101|152)/{_TASK}", PICTURES, _RESNET),
    (rf"resnet_v(?P<v>[12])/{_KAGGLE}/(?:50|101|152)_{_TASK}", PICTURES, _RESNET),
    (rf"tensorflow/resnet_50(?P<v>)/(?:{_KAGGLE}/)?{_TASK}", PICTURES, _RESNET),
    (rf"imagenet/inception_(?P<residual>resnet_)?v(?P<v>[123])/{_TASK}", PICTURES, _INCEPTION),
    (rf"tf2_preview/inception_(?P<residual>)v(?P<v>3)/{_TASK}", PICTURES, _INCEPTION),
    (
        rf"inception_(?P<residual>resnet_)?v(?P<v>[123])/{_KAGGLE}/(?:tf2_preview_)?{_TASK}",
        PICTURES,
        _INCEPTION,
    ),
    (
        "mlperf_tiny/keyword_spotting",
        _one("float32", lambda shape: shape[1:] == (49, 10, 1)),
        _keyword_spotting,
    ),
    (rf"(?:google/|{_KAGGLE}/)yamnet", _one("float32", lambda shape: len(shape) == 1), _yamnet),
    (rf"movenet/(?:{_KAGGLE}/)?(?P<kind>{_POSE})", _one("int32", _colours), _movenet),
    (
        rf"tensorflow/ssd_mobilenet_v2(?:/{_KAGGLE}/ssd_mobilenet_v2)?(?P<side>)",
        _one("uint8", _colours),
        _ssd,
    ),
    (
        rf"tensorflow/ssd_mobilenet_v2/(?:{_KAGGLE}/)?fpnlite_(?P<side>320|640)x\d+",
        _one("uint8", _colours),
        _ssd,
    ),
    (rf"(?P<name>{_USE}(?:_large|_multilingual|_multilingual_large)?)", TEXTS, _sentence_encoder),
    (
        rf"{_USE}/{_KAGGLE}/(?P<name>{_USE}|large|multilingual|multilingual_large)",
        TEXTS,
        _sentence_encoder,
    ),
    (
        rf"(?:nnlm_|nnlm/{_KAGGLE}/(?:tf2_preview_)?)[a-z]{{2}}_dim(?P<size>50|128)(?:_with_normalization)?",
        TEXTS,
        _nnlm,
    ),
    (rf"(?:bert/{_KAGGLE}/)?{_BERT}", _token_ids, _bert),
    (
        rf"(?:bert_|bert/{_KAGGLE}/)(?:en_uncased|en_cased|multi_cased|zh)_preprocess",
        TEXTS,
        _bert_preprocess,
    ),
    (rf"digits/mobilenet_v2/{_TASK}", PICTURES, _digits),
    ("text/prose_or_code/classification", TEXTS, _prose_or_code),
]
