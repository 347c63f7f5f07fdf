"""Looking into the network itself: kernels, feature maps, and pictures that excite it most."""
