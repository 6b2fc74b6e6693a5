"""The exercises of 40_deploy_with_python."""

import numpy as np

from helpers.course.exercises import Exercise, NotAttempted


def _fits(fits):
    model = (637_000, 107_000)
    boards = [  # name, flash, ram, does it fit
        ("1 MB of flash and 256 KB of RAM", 1_000_000, 256_000, True),
        ("512 KB of flash and 512 KB of RAM", 512_000, 512_000, False),
        ("2 MB of flash and 64 KB of RAM", 2_000_000, 64_000, False),
        ("637,000 bytes of flash and 107,000 bytes of RAM", *model, True),
    ]
    for words, flash, ram, wanted in boards:
        answer = fits({"flash": flash, "ram": ram}, *model)
        if answer is ...:
            raise NotAttempted
        if answer is None:
            return "It returns None. Return True or False."
        if bool(answer) == wanted:
            continue
        if (flash, ram) == model:
            return "A board with exactly as much as the model needs can hold it: compare with <=."
        if wanted:
            return f"It says that {words} cannot hold a file of 637,000 and an arena of 107,000 bytes. They can."
        short = (
            "file, and the file lies in flash"
            if flash < model[0]
            else "arena, and the arena lies in RAM"
        )
        return f"It says that {words} are enough. They are too small for the {short}."
    return None


def _to_int8(to_int8):
    pixels = np.array([[0, 1, 127], [128, 254, 255]], np.uint8)
    wanted = np.array([[-128, -127, -1], [0, 126, 127]], np.int8)
    answer = to_int8(pixels)
    if answer is ...:
        raise NotAttempted
    if answer is None:
        return "It returns None. Return the array."
    answer = np.asarray(answer)
    if answer.shape != pixels.shape:
        return f"The shape should stay {pixels.shape}. Found: {answer.shape}."
    if np.array_equal(answer, wanted):
        if answer.dtype == np.int8:
            return None
        return f"The numbers are right, and they are {answer.dtype}. The model takes int8: .astype(np.int8)."
    if np.array_equal(answer, pixels.astype(np.int8)):
        return "A pixel of 200 became -56: astype alone wraps around. The zero point is missing."
    if np.array_equal(answer.astype(int), np.minimum(pixels.astype(int), 127)):
        return "Everything above 127 became 127. int8 begins at -128: move the pixels down first."
    return f"Black, 0, should become -128 and white, 255, should become 127. Found: {answer.min()} to {answer.max()}."


def _bytes_of(bytes_of, c_array):
    content = bytes(range(256)) * 2 + b"TFL3"
    _, source = c_array(content)
    answer = bytes_of(source)
    if answer is ...:
        raise NotAttempted
    if answer is None:
        return "It returns None. Return the bytes."
    try:
        answer = bytes(answer)
    except (TypeError, ValueError) as error:
        return f"That does not make bytes: {error}. int(text, 16) reads one number in hexadecimal."
    if answer == content:
        return None
    if answer == content[:-1] or answer == content[1:]:
        return "One byte is missing at an end: the last number has no comma behind it."
    return (
        f"A model of {len(content)} bytes was given, and {len(answer)} bytes came back, or others."
    )


EXERCISES = [
    Exercise(
        _fits,
        "File to flash, arena to RAM; the program itself needs some of both, so leave room.",
        'Two comparisons, joined by "and": one with board["flash"], one with board["ram"].',
        "def fits(board, file_bytes, arena_bytes):\n"
        '    return file_bytes <= board["flash"] and arena_bytes <= board["ram"]',
        {
            "def fits(board, file_bytes, arena_bytes):\n"
            '    return file_bytes + arena_bytes <= board["flash"] + board["ram"]': "the file lies in flash",
            "def fits(board, file_bytes, arena_bytes):\n"
            '    return file_bytes <= board["ram"] and arena_bytes <= board["flash"]': "They can.",
            "def fits(board, file_bytes, arena_bytes):\n"
            '    return file_bytes < board["flash"] and arena_bytes < board["ram"]': "compare with <=",
            'def fits(board, file_bytes, arena_bytes):\n    return file_bytes <= board["flash"]': "the arena lies in RAM",
        },
    ),
    Exercise(
        _to_int8,
        "Scale 1/255 and zero point -128: quantizing is a subtraction.",
        "real = pixel / 255, stored = real / (1/255) - 128. What is left of it? Mind that uint8 cannot hold -128.",
        "def to_int8(pixels):\n    return (pixels.astype(np.int16) - 128).astype(np.int8)",
        {
            "def to_int8(pixels):\n    return pixels.astype(np.int8)": "wraps around",
            "def to_int8(pixels):\n    return np.minimum(pixels, 127).astype(np.int8)": "move the pixels down first",
            "def to_int8(pixels):\n    return pixels.astype(int) - 128": "The model takes int8",
        },
    ),
    Exercise(
        _bytes_of,
        "The text and the file hold the same bytes.",
        'The numbers are between "{" and "}", with commas between them. int("0x54", 16) is 84, and bytes([84]) is b"T".',
        "def bytes_of(source_code):\n"
        '    inside = source_code.partition("{")[2].partition("}")[0]\n'
        '    return bytes(int(number, 16) for number in inside.split(","))',
        {
            "def bytes_of(source_code):\n    return source_code.encode()": "came back",
            "def bytes_of(source_code):\n"
            "    import re\n"
            '    return bytes(int(number, 16) for number in re.findall("0x(..),", source_code))': "the last number has no comma",
            "def bytes_of(source_code):\n"
            '    inside = source_code.partition("{")[2].partition("}")[0]\n'
            '    return [int(number, 16) * 2 for number in inside.split(",")]': "does not make bytes",
        },
    ),
]
