#pragma once

#include "wire/stop_flag.h"

namespace remuda {

// Ctrl-C and SIGTERM of a client command: the first one sets a flag that ends
// whatever the command waits for, the second ends the process at once with
// exit code 130.
//
// Thread: Install() once, before there are other threads; the rest anywhere.
class Interrupt {
 public:
  static void Install();

  // Null before Install().
  static const StopFlag* flag();

  static bool requested();
};

}  // namespace remuda
