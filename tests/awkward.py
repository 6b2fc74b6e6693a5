"""SavedModels that are awkward on purpose: each function saves one. Weights are seeded."""


def two_inputs(folder):
    """Inputs of two dtypes and shapes, outputs by name, a dynamic batch."""
    import tensorflow as tf

    weights = tf.Variable(tf.random.stateless_normal([8, 5], [1, 2]))

    @tf.function(
        input_signature=[
            tf.TensorSpec([None, 8], name="dense"),
            tf.TensorSpec([None, 3], tf.int32, name="ids"),
        ]
    )
    def serve(dense, ids):
        hidden = tf.nn.relu(dense @ weights)
        return {
            "scores": hidden,
            "sum": tf.cast(tf.reduce_sum(ids, 1), tf.float32) + tf.reduce_mean(hidden, 1),
        }

    _save(folder, {"serving_default": serve}, weights)


def lone_batch(folder):
    """A vector and a number for each sample: the number's only dimension is the batch."""
    import tensorflow as tf

    spec = [tf.TensorSpec([None, 8], name="x"), tf.TensorSpec([None], name="scale")]
    serve = tf.function(lambda x, scale: {"y": tf.nn.relu(x) * scale[:, None]}, spec)
    _save(folder, {"serving_default": serve})


def two_signatures(folder):
    """Two signatures, neither of them the default."""
    import tensorflow as tf

    weights = tf.Variable(tf.random.stateless_normal([4, 3], [1, 2]))
    spec = [tf.TensorSpec([None, 4], name="x")]
    encode = tf.function(lambda x: {"code": tf.tanh(x @ weights)}, spec)
    score = tf.function(lambda x: {"probabilities": tf.nn.softmax(x @ weights)}, spec)
    _save(folder, {"encode": encode, "score": score}, weights)


def dynamic_size(folder):
    """Images of any height and width, as a fully convolutional network takes them."""
    import tensorflow as tf

    kernel = tf.Variable(tf.random.stateless_normal([3, 3, 3, 4], [1, 2]))
    spec = [tf.TensorSpec([None, None, None, 3], name="image")]
    serve = tf.function(
        lambda image: {"map": tf.nn.relu6(tf.nn.conv2d(image, kernel, 2, "SAME"))}, spec
    )
    _save(folder, {"serving_default": serve}, kernel)


def float64_inside(folder):
    """float32 in and out, float64 between."""
    import tensorflow as tf

    weights = tf.Variable(tf.random.stateless_normal([6, 3], [1, 2], dtype=tf.float64))
    spec = [tf.TensorSpec([None, 6], name="x")]
    serve = tf.function(
        lambda x: {"y": tf.cast(tf.cast(x, tf.float64) @ weights, tf.float32)}, spec
    )
    _save(folder, {"serving_default": serve}, weights)


def uint8_input(folder):
    """Pixels of 0 to 255 as uint8, divided inside."""
    import tensorflow as tf

    kernel = tf.Variable(tf.random.stateless_normal([3, 3, 3, 7], [1, 2]))
    spec = [tf.TensorSpec([None, 16, 16, 3], tf.uint8, name="pixels")]

    def serve(pixels):
        hidden = tf.nn.relu(tf.nn.conv2d(tf.cast(pixels, tf.float32) / 255, kernel, 2, "SAME"))
        return {"scores": tf.nn.softmax(tf.reduce_mean(hidden, [1, 2]))}

    _save(folder, {"serving_default": tf.function(serve, spec)}, kernel)


def keras_3(folder):
    """What Keras 3 writes with export(): signatures serve and serving_default."""
    import keras

    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [keras.Input((12, 12, 1)), keras.layers.Conv2D(4, 3, activation="relu")]
    )
    model.add(keras.layers.GlobalAveragePooling2D())
    model.add(keras.layers.Dense(6, activation="softmax"))
    model.export(folder, verbose=False)


def keras_3_photos(folder):
    """A Keras 3 export of a small image classifier: 96 x 96 x 3, two classes."""
    import keras

    keras.utils.set_random_seed(0)
    layers = [keras.Input((96, 96, 3)), keras.layers.Conv2D(8, 3, 2, activation="relu")]
    layers += [keras.layers.DepthwiseConv2D(3, 2), keras.layers.GlobalAveragePooling2D()]
    keras.Sequential([*layers, keras.layers.Dense(2)]).export(folder, verbose=False)


def keras_3_two_and_two(folder):
    """A Keras 3 export with two inputs and two outputs, one of them a single number."""
    import keras

    keras.utils.set_random_seed(0)
    inputs = keras.Input((8, 8, 1), name="photo"), keras.Input((3,), name="facts")
    hidden = keras.layers.Concatenate()([keras.layers.Flatten()(inputs[0]), inputs[1]])
    outputs = {
        "kind": keras.layers.Dense(4, name="kind")(hidden),
        "price": keras.layers.Dense(1, name="price")(hidden),
    }
    keras.Model(inputs, outputs).export(folder, verbose=False)


def keras_3_lstm(folder):
    """A Keras 3 export of an LSTM over ten steps of four numbers, with three numbers for each."""
    import keras

    keras.utils.set_random_seed(0)
    recurrent = keras.layers.LSTM(8, return_sequences=True)
    layers = [keras.Input((10, 4)), recurrent, keras.layers.Dense(3)]
    keras.Sequential(layers).export(folder, verbose=False)


def picture(folder):
    """A tf.Module as the lessons teach it, callable, whose input is named picture."""
    import tensorflow as tf

    class Module(tf.Module):
        def __init__(self):
            self.kernel = tf.Variable(tf.random.stateless_normal([3, 3, 3, 5], [1, 2]))

        @tf.function(input_signature=[tf.TensorSpec([None, 32, 32, 3], name="picture")])
        def __call__(self, picture):
            hidden = tf.nn.relu(tf.nn.conv2d(picture, self.kernel, 2, "SAME"))
            return {"scores": tf.reduce_mean(hidden, [1, 2])}

    module = Module()
    tf.saved_model.save(module, folder, {"serving_default": module.__call__})


def embedding(folder):
    """Sixteen numbers become a vector of length 1, eight numbers long."""
    import tensorflow as tf

    weights = tf.Variable(tf.random.stateless_normal([16, 8], [1, 2]))
    spec = [tf.TensorSpec([None, 16], name="features")]
    serve = tf.function(lambda features: {"code": tf.nn.l2_normalize(features @ weights, 1)}, spec)
    _save(folder, {"serving_default": serve}, weights)


def regression(folder):
    """Six numbers become one."""
    import tensorflow as tf

    weights = tf.Variable(tf.random.stateless_normal([6, 1], [1, 2]))
    spec = [tf.TensorSpec([None, 6], name="facts")]
    serve = tf.function(lambda facts: {"price": tf.nn.relu(facts @ weights)}, spec)
    _save(folder, {"serving_default": serve}, weights)


def tokens(folder):
    """Twelve word numbers, int32, become two scores."""
    import tensorflow as tf

    table = tf.Variable(tf.random.stateless_normal([50, 2], [1, 2]))
    spec = [tf.TensorSpec([None, 12], tf.int32, name="ids")]
    serve = tf.function(lambda ids: {"scores": tf.reduce_mean(tf.gather(table, ids), 1)}, spec)
    _save(folder, {"serving_default": serve}, table)


def text(folder):
    """Text becomes its length in bytes."""
    import tensorflow as tf

    spec = [tf.TensorSpec([None], tf.string, name="text")]
    serve = tf.function(lambda text: {"length": tf.strings.length(text)}, spec)
    _save(folder, {"serving_default": serve})


def texts_in_a_loop(folder):
    """Each text by itself in a loop, which keeps its results in a list of texts."""
    import tensorflow as tf

    spec = [tf.TensorSpec([None], tf.string, name="text")]
    serve = tf.function(lambda text: {"lower": tf.map_fn(tf.strings.lower, text)}, spec)
    _save(folder, {"serving_default": serve})


def calls_python(folder):
    """A function of Python inside, which only the process that saves it has."""
    import tensorflow as tf

    spec = [tf.TensorSpec([None, 4], tf.float32, "x")]
    serve = tf.function(lambda x: {"y": tf.numpy_function(abs, [x], tf.float32)}, spec)
    _save(folder, {"serving_default": serve})


def ragged(folder):
    """Rows of different lengths, in one input for the numbers and one for where rows begin."""
    import tensorflow as tf

    spec = [tf.RaggedTensorSpec([None, None], tf.float32)]
    serve = tf.function(lambda rows: {"sum": tf.reduce_sum(rows, 1)}, spec)
    _save(folder, {"serving_default": serve})


def segmentation(folder):
    """An image becomes an image of three scores a pixel."""
    import tensorflow as tf

    kernel = tf.Variable(tf.random.stateless_normal([3, 3, 3, 3], [1, 2]))
    spec = [tf.TensorSpec([None, 24, 24, 3], name="image")]
    serve = tf.function(lambda image: {"mask": tf.nn.conv2d(image, kernel, 1, "SAME")}, spec)
    _save(folder, {"serving_default": serve}, kernel)


def float64(folder):
    """float64 in and out."""
    import tensorflow as tf

    weights = tf.Variable(tf.random.stateless_normal([6, 3], [1, 2], dtype=tf.float64))
    spec = [tf.TensorSpec([None, 6], tf.float64, name="x")]
    _save(folder, {"serving_default": tf.function(lambda x: {"y": x @ weights}, spec)}, weights)


def another_name(folder):
    """One signature, and it isn't called serving_default."""
    import tensorflow as tf

    weights = tf.Variable(tf.random.stateless_normal([4, 3], [1, 2]))
    spec = [tf.TensorSpec([None, 4], name="x")]
    _save(folder, {"score": tf.function(lambda x: {"scores": x @ weights}, spec)}, weights)


def tf1_module(folder):
    """What TF1 Hub served: the signature "default", in a graph without tags."""
    import tensorflow as tf

    v1 = tf.compat.v1
    builder = v1.saved_model.Builder(str(folder))
    with tf.Graph().as_default(), v1.Session() as session:
        x = v1.placeholder(tf.float32, [None, 2], "x")
        y = x * v1.get_variable("weight", initializer=tf.constant(3.0))
        session.run(v1.global_variables_initializer())
        signature = v1.saved_model.predict_signature_def({"x": x}, {"default": y})
        builder.add_meta_graph_and_variables(session, [], {"default": signature})
    builder.save()


def names_of_tf1(folder):
    """A frozen TF1 graph: no variables, an empty folder for them, and names that TF2 won't save."""
    import tensorflow as tf

    v1 = tf.compat.v1
    with tf.Graph().as_default(), v1.Session() as session:
        left, right = (v1.placeholder(tf.float32, [None, 5], name) for name in "xz")
        inputs = {"left/x:0": left, "right x": right}
        outputs = {"net/y:0": tf.tanh(left + 2 * right), "it's": left * right}
        v1.saved_model.simple_save(session, str(folder), inputs, outputs)


def plain_module(folder):
    """No signatures: __call__, traced for training and for inference, and two more functions."""
    import tensorflow as tf

    class Module(tf.Module):
        def __init__(self):
            self.weights = tf.Variable(tf.random.stateless_normal([5, 2], [1, 2]))

        @tf.function
        def __call__(self, x, training=False):
            return (
                [x @ self.weights, tf.reduce_sum(x, 1)]
                if not training
                else [x @ self.weights * 2, x[:, 0]]
            )

        @tf.function(input_signature=[tf.TensorSpec([None, 5])])
        def double(self, x):
            return 2 * x

        @tf.function(input_signature=[tf.TensorSpec([None, 5])])
        def half(self, x):
            return x / 2

    module = Module()
    for training in (True, False):
        module.__call__.get_concrete_function(tf.TensorSpec([None, 5], name="x"), training=training)
    tf.saved_model.save(module, folder)


def without_batch(folder):
    """One sound of any length, no batch, as YAMNet takes it; a number and a table come out."""
    import tensorflow as tf

    weights = tf.Variable(tf.random.stateless_normal([64, 5], [1, 2]))

    def serve(waveform):
        frames = tf.signal.frame(waveform, 64, 32)
        scores = tf.sigmoid(frames @ weights)
        return {"scores": scores, "loudest": tf.reduce_max(tf.abs(waveform))}

    spec = [tf.TensorSpec([None], name="waveform")]
    _save(folder, {"serving_default": tf.function(serve, spec)}, weights)


def does_not_convert(folder):
    """Two ops that LiteRT does not have."""
    import tensorflow as tf

    spec = [tf.TensorSpec([None, 4], name="x")]
    serve = tf.function(lambda x: {"y": tf.math.erfinv(tf.math.lgamma(x))}, spec)
    _save(folder, {"serving_default": serve})


def nothing_to_call(folder):
    """Variables, and no function."""
    import tensorflow as tf

    module = tf.Module()
    module.weights = tf.Variable([1.0])
    tf.saved_model.save(module, folder)


def large(folder, megabytes=100):
    """Weights of 100 MB, in one dense layer."""
    import tensorflow as tf

    weights = tf.Variable(tf.random.stateless_normal([2500, megabytes * 100], [1, 2]) / 50)
    serve = tf.function(
        lambda x: {"y": tf.tanh(x @ weights)}, [tf.TensorSpec([None, 2500], name="x")]
    )
    _save(folder, {"serving_default": serve}, weights)


def _save(folder, signatures, *variables):
    import tensorflow as tf

    module = tf.Module()
    module.kept = variables
    tf.saved_model.save(module, folder, signatures=signatures)
