"""Detectors: networks that find objects one by one, in 2-D and 3-D from one code.

Boxes are ``(n, 2 * axes)`` float tensors in pixels of the image: the start along each axis, then
the end, ``(y0, x0, y1, x1)`` or ``(z0, y0, x0, z1, y1, x1)``. Pixel k covers the interval from k
to k + 1, so that an object of one pixel has a box of size 1.
"""
