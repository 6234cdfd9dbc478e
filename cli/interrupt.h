#pragma once

#include <atomic>

namespace remuda {

// Ctrl-C and SIGTERM of a client command. The first one asks the command to
// end in order, the second ends the process at once with exit code 130.
//
// Thread: Install once in main before there are others; requested() anywhere.
class Interrupt {
 public:
  static void Install();

  static bool requested();

  // Becomes readable at the first interrupt and stays so; -1 before Install.
  static int descriptor();
};

}  // namespace remuda
