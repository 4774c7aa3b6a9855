"""What a model must be for a picture of it."""


def check_model(model, *kinds, latent_dim=None):
    """Refuse a model of another class or latent size, or one that is not built.

    Args:
        model: what the caller passed.
        *kinds: the classes that will do.
        latent_dim: the Z that it must have; None allows any.

    Raises:
        ValueError: naming the rule and what was received.
    """
    if not isinstance(model, kinds):
        names = ", ".join(kind.__name__ for kind in kinds)
        raise ValueError(f"`model` must be one of {names}, got {type(model).__name__}")
    if not model.built:
        raise ValueError(f"`model` must be built or fitted, got {model!r}, which is not")
    if latent_dim not in (None, model.latent_dim):
        raise ValueError(
            f"`model` must have a latent_dim of {latent_dim}, got one of {model.latent_dim}"
        )
