"""The small language model in torch, in llama.cpp's own layout of tensors, so that what is trained needs no rearranging."""
