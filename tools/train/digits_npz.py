"""Make `helpers/digits.npz` from scikit-learn's `load_digits`, split 1347 / 450. Done once.

scikit-learn is none of the course's requirements: where it is installed, `import tensorflow`
imports it too, and every kernel pays 1 s and 70 MB. To run this, install it in another environment.
"""

import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from helpers import digits

images, labels = load_digits(return_X_y=True)
images = images.reshape(-1, 8, 8).astype(np.uint8)
labels = labels.astype(np.uint8)
train, test = train_test_split(
    np.arange(len(labels)), test_size=450, stratify=labels, random_state=0
)
np.savez_compressed(
    digits.FILE,
    train_images=images[train],
    train_labels=labels[train],
    test_images=images[test],
    test_labels=labels[test],
)
