"""What a deployed network costs beside its kernels: starting, calling, memory and bytes."""
