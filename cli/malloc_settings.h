#pragma once

namespace remuda {

// How servers set glibc's malloc. Both are called before anything else is
// done, with one thread and no file open that matters.

// Heaps keep some of what is free in them.
void KeepHeaps();

// Has each thread keep more free blocks for itself, which can only be told to
// glibc by the environment of a new program: so this program starts itself
// anew, in this process, with the same arguments, and calls this again, which
// then returns. The environment is as it was by then. It returns at once where
// the environment sets glibc already or this program's file is not found, as
// it is only faster. For programs that start no others.
void EnlargeThreadCaches();

}  // namespace remuda
