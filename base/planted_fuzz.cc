// Goes wrong, on purpose, for inputs that begin with four certain bytes: too
// many to guess, so that only a fuzzer that sees the branches finds them.

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace {

#if defined(PLANTED_CRASH)
// Reads behind its end, which nothing but a sanitizer minds.
void GoWrong() {
  const std::vector<char> bytes(64, 'x');
  const volatile char* const begin = bytes.data();
  static_cast<void>(begin[bytes.size()]);
}
#elif defined(PLANTED_HANG)
void GoWrong() {
  volatile bool forever = true;
  while (forever) {
  }
}
#else
// Far more than run_fuzzer.sh allows.
void GoWrong() {
  const std::string bytes(size_t{3} << 30, 'x');
  static_cast<void>(*static_cast<const volatile char*>(bytes.data()));
}
#endif

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size >= 4 && data[0] == 'b' && data[1] == 'u' && data[2] == 'g' &&
      data[3] == '!') {
    GoWrong();
  }
  return 0;
}
