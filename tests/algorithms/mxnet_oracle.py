"""Runs under MXNet's own Python, apart from the project's: what MXNet makes of an artifact, and artifacts it makes.

python mxnet_oracle.py predict FOLDER EPOCH PIXELS.npy PROBABILITIES.npy
python mxnet_oracle.py create FOLDER
"""

import json
import sys
from collections import namedtuple
from pathlib import Path

import mxnet as mx
import numpy as np

PREFIX = "image-classification"
Batch = namedtuple("Batch", ["data"])


def predict(folder, epoch, pixels, probabilities):
    symbol, arguments, auxiliary = mx.model.load_checkpoint(f"{folder}/{PREFIX}", int(epoch))
    data = np.load(pixels)
    module = mx.mod.Module(symbol, context=mx.cpu())
    module.bind([("data", data.shape)], for_training=False)
    module.set_params(arguments, auxiliary)
    module.forward(Batch([mx.nd.array(data)]), is_train=False)
    np.save(probabilities, module.get_outputs()[0].asnumpy())


def create(folder):
    """A network that MXNet itself puts together and initialises, with what the algorithm's own networks lack."""
    data = mx.sym.Variable("data")
    body = mx.sym.BatchNorm(mx.sym.identity(data, name="id"), fix_gamma=True, eps=2e-5, name="bn_data")
    body = mx.sym.Convolution(body, num_filter=8, kernel=(3, 5), stride=(2, 1), pad=(1, 2), name="conv0")
    left = mx.sym.Activation(mx.sym.BatchNorm(body, fix_gamma=False, eps=2e-5, name="bn0"), act_type="relu")
    left = mx.sym.Convolution(left, num_filter=8, kernel=(3, 3), pad=(2, 2), dilate=(2, 2), num_group=4, no_bias=True)
    body = left + body
    body = mx.sym.Pooling(body, kernel=(3, 3), stride=(2, 2), pool_type="max", pooling_convention="full")
    body = mx.sym.Pooling(body, kernel=(3, 3), stride=(2, 2), pad=(1, 1), pool_type="avg")
    body = mx.sym.Activation(body, act_type="tanh")
    body = mx.sym.FullyConnected(mx.sym.Flatten(body), num_hidden=5, no_bias=True, name="fc")
    symbol = mx.sym.SoftmaxOutput(body, name="softmax")
    shape = (2, 3, 17, 19)
    mx.random.seed(1)
    np.random.seed(1)
    module = mx.mod.Module(symbol, context=mx.cpu())
    module.bind([("data", shape)])
    module.init_params(mx.init.Xavier())
    arguments, auxiliary = module.get_params()
    auxiliary["bn_data_moving_mean"][:] = 120
    auxiliary["bn_data_moving_var"][:] = 4000
    arguments["bn_data_gamma"][:] = 3  # held at one by fix_gamma
    module.set_params(arguments, auxiliary)
    module.save_checkpoint(f"{folder}/{PREFIX}", 7)
    Path(folder, "model-shapes.json").write_text(json.dumps([{"shape": list(shape), "name": "data"}]))


if __name__ == "__main__":
    {"predict": predict, "create": create}[sys.argv[1]](*sys.argv[2:])
