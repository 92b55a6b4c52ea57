"""SageMaker's built-in `image-classification` algorithm: AWS's interface, log and artifact, on a laptop's CPU.

Started as a program, ``python -m harness.algorithms.image_classification train|serve --root DIR``, where *DIR*
stands in for ``/opt/ml``. Training needs torch, serving needs ONNX Runtime and not torch; what both read and write
is MXNet's own format, so that AWS's container can serve what is trained here and the other way round.
"""
