"""Data sets, landmark cache, training and evaluation of the models of `fusion_model`."""
