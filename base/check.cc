#include "base/check.h"

#include <cstdio>
#include <cstdlib>

namespace remuda::check_internal {

void Fail(const char* file, int line, const char* condition) {
  std::fprintf(stderr, "%s:%d: CHECK failed: %s\n", file, line, condition);
  std::fflush(stderr);
  std::abort();
}

void Fail(const char* file, int line, const char* condition,
          const std::string& detail) {
  const std::string text = std::string(condition) + ": " + detail;
  Fail(file, line, text.c_str());
}

}  // namespace remuda::check_internal
