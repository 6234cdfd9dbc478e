#include "simulation/last_words.h"

#include <unistd.h>

#include <array>
#include <csignal>
#include <cstddef>

namespace remuda {
namespace {

struct Running {
  uint64_t seed = 0;
  std::string_view planted;
  bool any = false;
};
thread_local Running running;

// Only what a signal handler may call: no allocation, no stdio.
void Write(std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(STDERR_FILENO, text.data(), text.size());
    if (written <= 0) return;
    text.remove_prefix(static_cast<size_t>(written));
  }
}

void WriteNumber(uint64_t number) {
  std::array<char, 20> digits{};
  size_t at = digits.size();
  do {
    digits[--at] = static_cast<char>('0' + number % 10);
    number /= 10;
  } while (number > 0);
  Write({digits.data() + at, digits.size() - at});
}

// Runs on the thread that called abort(), which goes on with it.
extern "C" void OnAbort(int /*signal*/) {
  if (!running.any) return;
  Write("again: remuda-simulation --seeds ");
  WriteNumber(running.seed);
  if (!running.planted.empty()) {
    Write(" --plant ");
    Write(running.planted);
  }
  Write(" --trace\n");
}

}  // namespace

LastWords::LastWords(uint64_t seed, std::string_view planted) {
  running = {.seed = seed, .planted = planted, .any = true};
  std::signal(SIGABRT, OnAbort);
}

LastWords::~LastWords() { running.any = false; }

}  // namespace remuda
