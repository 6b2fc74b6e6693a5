"""The exercises of 41_run_on_a_microcontroller."""

import numpy as np

from helpers.course.exercises import Exercise, Wrong, ask, wanted


def _bytes_of(bytes_of):
    rng = np.random.default_rng(41)
    for size, width, form in ((37, 12, "0x{:02x}"), (516, 8, "0x{:02X}"), (4, 1, "0x{:02x}")):
        content = rng.integers(0, 256, size, np.uint8).tobytes()
        numbers = [form.format(byte) for byte in content]
        rows = [", ".join(numbers[at : at + width]) for at in range(0, size, width)]
        source = '#include "cat10.h"\n\nalignas(16) const unsigned char cat10_data[] = {\n  '
        source += ",\n  ".join(rows) + f"\n}};\nconst unsigned int cat10_size = {size};\n"
        answer = bytes(ask(bytes_of, source, returns=(bytes, bytearray)))
        if answer == content:
            continue
        if answer in (content[:-1], content[1:]):
            raise Wrong("One byte is missing at an end: the last number has no comma behind it.")
        if answer == source.encode():
            raise Wrong("These are the letters of the text. Read the numbers that they spell.")
        if len(answer) != size:
            raise Wrong(f"The text holds {size} bytes, and {len(answer)} came back.")
        place = next(at for at in range(size) if answer[at] != content[at])
        found = form.format(answer[place])
        raise Wrong(f"Byte {place} is {numbers[place]} in the text, and {found} came back.")


def _fits(fits):
    rng = np.random.default_rng(42)
    for _ in range(12):
        file, arena = (int(size) for size in rng.integers(20_000, 900_000, 2))
        much, little = file + arena + 1_000_000, min(file, arena) // 2
        boards = [
            (file, arena),
            (much, much),
            (file - 1, much),
            (much, arena - 1),
            (little, much),
            (much, little),
            (file + file // 50, arena + arena // 50),
        ]
        for flash, ram in boards:
            board = {"flash": flash, "ram": ram}
            answer = ask(fits, board, file, arena)
            answer = bool(answer) if isinstance(answer, np.bool_) else wanted(answer, bool)
            holds = file <= flash and arena <= ram
            if answer == holds:
                continue
            given = f"a file of {file:,} and an arena of {arena:,} bytes"
            words = f"{flash:,} bytes of flash and {ram:,} of RAM"
            if (flash, ram) == (file, arena):
                raise Wrong(f"A board with exactly as much as it needs can hold {given}.")
            if holds:
                raise Wrong(f"It says that {words} can't hold {given}. They can.")
            part = "file, which lies in flash" if flash < file else "arena, which lies in RAM"
            raise Wrong(f"It says that {words} hold {given}. They're too small for the {part}.")


def _to_int8(to_int8):
    rng = np.random.default_rng(43)
    every = np.arange(256, dtype=np.uint8)
    for pixels in (every, rng.integers(0, 256, (4, 5, 3), np.uint8), every.reshape(1, 16, 16, 1)):
        expected = (pixels ^ 128).view(np.int8)
        given = pixels.copy()
        answer = ask(to_int8, given, returns=np.ndarray)
        if not np.array_equal(given, pixels):
            raise Wrong("It changes the camera's own array. Make a new one.")
        if answer.shape != pixels.shape:
            raise Wrong(f"The shape should stay {pixels.shape}. Found: {answer.shape}.")
        if np.array_equal(answer, expected):
            if answer.dtype == np.int8:
                continue
            fault = f"The numbers are right, but they're {answer.dtype}."
            raise Wrong(f"{fault} The model takes int8: .astype(np.int8).")
        if np.array_equal(answer, pixels.astype(np.int8)):
            raise Wrong("A pixel of 200 became -56: astype wraps around. Use the zero point.")
        if np.array_equal(answer.astype(int), np.minimum(pixels.astype(int), 127)):
            raise Wrong("Everything above 127 became 127. int8 begins at -128: move them first.")
        ends = f"{answer.flat[pixels.argmin()]} and {answer.flat[pixels.argmax()]}"
        low, high = expected.min(), expected.max()
        raise Wrong(f"The darkest and the lightest should be {low} and {high}. Found: {ends}.")


EXERCISES = [
    Exercise(
        _bytes_of,
        "The text and the file hold the same bytes.",
        'The numbers are between "{" and "}", with commas between them. int("0x54", 16) is 84, '
        'and bytes([84]) is b"T".',
        "def bytes_of(source_code):\n"
        '    inside = source_code.partition("{")[2].partition("}")[0]\n'
        '    return bytes(int(number, 16) for number in inside.split(","))',
        {
            "def bytes_of(source_code):\n    return source_code.encode()": "the letters of the text",
            "def bytes_of(source_code):\n"
            "    import re\n"
            '    return bytes(int(number, 16) for number in re.findall("0x(..),", source_code))': "the last number has no comma",
            "def bytes_of(source_code):\n"
            '    inside = source_code.partition("{")[2].partition("}")[0]\n'
            '    return [int(number, 16) for number in inside.split(",")]': "should be bytes",
            "def bytes_of(source_code):\n"
            '    inside = source_code.partition("{")[2].partition("}")[0]\n'
            '    return bytes(int(number) for number in inside.split(","))': "stopped with ValueError",
            "def bytes_of(source_code):\n"
            '    inside = source_code.partition("{")[2].partition("}")[0]\n'
            '    return bytes(int(number, 16) for number in inside.splitlines()[1].strip(" ,").split(","))': "came back",
            "def bytes_of(source_code):\n"
            '    inside = source_code.partition("{")[2].partition("}")[0]\n'
            '    return bytes(int(number, 16) for number in inside.split(","))[::-1]': "Byte 0 is",
            "def bytes_of(source_code):\n"
            "    import re\n"
            '    return bytes(int(number, 16) for number in re.findall("0x([0-9a-f]{2})", source_code))': "came back",
        },
        right_codes=(
            "import re\n\n\n"
            "def bytes_of(source_code):\n"
            '    return bytes.fromhex("".join(re.findall("0x(..)", source_code)))',
        ),
    ),
    Exercise(
        _fits,
        "The file goes to flash and the arena to RAM. The rest of the program needs some of both.",
        'Two comparisons, joined by "and": one with board["flash"], one with board["ram"].',
        "def fits(board, file_bytes, arena_bytes):\n"
        '    return file_bytes <= board["flash"] and arena_bytes <= board["ram"]',
        {
            "def fits(board, file_bytes, arena_bytes):\n"
            '    return file_bytes + arena_bytes <= board["flash"] + board["ram"]': "too small for the",
            "def fits(board, file_bytes, arena_bytes):\n"
            '    return file_bytes <= board["ram"] and arena_bytes <= board["flash"]': "can hold",
            "def fits(board, file_bytes, arena_bytes):\n"
            '    return file_bytes < board["flash"] and arena_bytes < board["ram"]': "exactly as much",
            'def fits(board, file_bytes, arena_bytes):\n    return file_bytes <= board["flash"]': "which lies in RAM",
            'def fits(board, file_bytes, arena_bytes):\n    return arena_bytes <= board["ram"]': "which lies in flash",
            "def fits(board, file_bytes, arena_bytes):\n"
            '    return file_bytes * 1.1 <= board["flash"] and arena_bytes * 1.1 <= board["ram"]': "exactly as much",
            "def fits(board, file_bytes, arena_bytes):\n"
            '    return file_bytes + arena_bytes <= board["flash"] and arena_bytes <= board["ram"]': "exactly as much",
            "def fits(board, file_bytes, arena_bytes):\n"
            '    print(file_bytes <= board["flash"] and arena_bytes <= board["ram"])': "returns nothing",
        },
        right_codes=(
            "def fits(board, file_bytes, arena_bytes):\n"
            '    left = [board["flash"] - file_bytes, board["ram"] - arena_bytes]\n'
            "    return min(left) >= 0",
        ),
    ),
    Exercise(
        _to_int8,
        "With the scale 1/255 and the zero point -128, quantizing is a subtraction.",
        "real = pixel / 255, stored = real / (1/255) - 128. What is left of that? Remember that "
        "uint8 can't hold -128.",
        "def to_int8(pixels):\n    return (pixels.astype(np.int16) - 128).astype(np.int8)",
        {
            "def to_int8(pixels):\n    return pixels.astype(np.int8)": "wraps around",
            "def to_int8(pixels):\n    return np.minimum(pixels, 127).astype(np.int8)": "move them first",
            "def to_int8(pixels):\n    return pixels.astype(int) - 128": "The model takes int8",
            "def to_int8(pixels):\n    return (pixels // 2).astype(np.int8)": "The darkest and the lightest",
            "def to_int8(pixels):\n    return (pixels / 255).astype(np.int8)": "The darkest and the lightest",
            "def to_int8(pixels):\n    return (pixels.astype(np.int16) - 128).astype(np.int8).ravel()": "The shape should stay",
            "def to_int8(pixels):\n    return [int(pixel) - 128 for pixel in pixels.ravel()]": "should be ",
        },
        right_codes=(
            "def to_int8(pixels):\n    return (pixels ^ 0x80).view(np.int8)",
            "def to_int8(pixels):\n"
            "    real = pixels / 255\n"
            "    return np.clip(np.round(real * 255) - 128, -128, 127).astype(np.int8)",
        ),
        equivalent=(  # 256 steps are a full turn
            "def to_int8(pixels):\n    return (pixels.astype(np.int16) + 128).astype(np.int8)",
        ),
    ),
]
