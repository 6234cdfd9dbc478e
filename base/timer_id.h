#pragma once

#include <cstdint>

namespace remuda {

// Names a timer of one EventLoop; never used again. 0 names none.
enum class TimerId : uint64_t {};

}  // namespace remuda
