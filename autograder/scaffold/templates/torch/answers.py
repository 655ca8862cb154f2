"""Right answers to {{name}}: each function that students write, as it stands in the solved notebook."""


def mean_square_gradient(x):
    """∂z/∂x of z = (1/n) Σ xᵢ²."""
    x = x.detach().clone().requires_grad_()
    (x**2).mean().backward()
    return x.grad
