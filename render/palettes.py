"""Colours of floors, as sRGB values that show in photos of such things, and how often each is met."""

# Tables are light and neutral mostly.
TABLES = {
    "E9E6E0": 5, "D9D4CA": 5, "CFC3AE": 6, "C4B49A": 4, "B9B5AE": 4, "9C9A97": 3, "F1F0EE": 4, "A58E72": 2,
    "6E6D6C": 1.5, "3A3A3C": 1.2, "1D1D1F": 0.8, "5B4636": 0.8,
}  # fmt: skip
PAINTS = {
    "F2F0EB": 6, "E4DFD5": 5, "D8D9DA": 4, "CBBFA8": 3, "A9ADB1": 2.5, "7D8287": 1.5, "55595E": 1, "26282B": 1.2,
    "121214": 0.6, "A9C3CE": 1, "5F87A6": 1, "23405E": 0.8, "B7C9A8": 0.8, "5E7F58": 0.8, "1F4A38": 0.6, "E9D48A": 1,
    "D9A13B": 0.6, "C9694B": 0.6, "9E2B2A": 0.7, "5A1F24": 0.4, "E2B8B5": 0.7, "8B6FA0": 0.4, "3F2F55": 0.3,
    "6FB5AE": 0.5,
}  # fmt: skip
WOODS = {  # oak, beech, pine, birch, ash, cherry, teak, walnut, wenge, weathered, whitewashed
    "B58D5E": 4, "C79B6D": 3, "D7AE74": 3, "DCC199": 3, "CDB48F": 2, "9C5F3A": 1.5, "8C5E35": 1.5, "6A4830": 2,
    "3C2A20": 1, "8D857A": 1, "D6CFC2": 1.2,
}  # fmt: skip
CLOTHS = {
    "E8E3D8": 3, "CFC5B2": 3, "A9A294": 2, "8C8C8E": 3, "5C5E63": 2, "2B2C30": 1.5, "34435E": 2.5, "5B7391": 2,
    "8FA5B5": 1.2, "9A2333": 1.5, "C3586B": 0.7, "6B1F2B": 0.7, "C99A2E": 1, "E2C46A": 0.7, "4F6B45": 1, "26453A": 0.7,
    "7A5A43": 1, "B7683C": 0.8, "6B5480": 0.5, "D8AEB0": 0.7, "3F8A93": 0.6,
}  # fmt: skip
STONES = {
    "DAD7D1": 4, "BDB8B0": 4, "9B9893": 3, "6C6A69": 2, "2E2E30": 1.5, "C9B69A": 2, "A6897A": 1, "7C8A84": 0.7,
    "EDEAE4": 3, "4A5258": 1,
}  # fmt: skip
BOARDS = {"B79268": 5, "A8845C": 4, "C4A37C": 3, "96744F": 2, "D9CDB8": 0.8, "8A8076": 0.6}
PRINTS = {"A3AFC6": 4, "9DB6BF": 3, "B4B4B8": 4, "C2A6AF": 1}

INKS = {"1C1C1E": 6, "2B2F45": 2, "3A2E2A": 1, "1F3F7A": 1}
BRIGHT = {
    "C8202B": 4, "1F5FA8": 3, "F2B81F": 3, "2E8B4A": 2, "E96A1E": 2, "7A2E7D": 1, "19191C": 1.5, "F4F2EC": 4,
    "5B2E1A": 1.5, "E58FB0": 0.8, "35A7B8": 1,
}  # fmt: skip
