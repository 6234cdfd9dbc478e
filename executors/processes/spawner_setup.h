#pragma once

#include <span>

namespace remuda {

// Makes of this process what a spawner is, for everything that its children
// inherit: a session of its own, no signal ignored, no core dumps, no privilege
// by exec, none of our files readable to others, no descriptors open but those
// of `kept`, which get other numbers, above all that a child may be given. It
// adopts orphans, and gets SIGUSR1 when its parent dies. False if the kernel
// refuses.
//
// Thread: the only one.
bool SetUpSpawner(std::span<int> kept);

}  // namespace remuda
