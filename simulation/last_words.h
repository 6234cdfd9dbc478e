#pragma once

#include <cstdint>
#include <string_view>

namespace remuda {

// While it lives, a failed CHECK or any other abort() of this thread prints
// the command that runs the seed again before the process ends: a broken
// invariant that the product itself notices is found by its seed like others.
//
// Thread: each has its own; the last one made on a thread counts.
class LastWords {
 public:
  // `planted` must outlive this; empty: nothing is planted.
  LastWords(uint64_t seed, std::string_view planted);
  ~LastWords();
  LastWords(const LastWords&) = delete;
  LastWords& operator=(const LastWords&) = delete;
};

}  // namespace remuda
