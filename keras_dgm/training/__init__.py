"""What a model has to be trained: its step, its batches, facts of its data, callbacks.

Nothing here imports a model: what is needed of one is `step.Trainable`.
"""
