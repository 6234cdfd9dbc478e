#include "jobs/work_key.h"

#include <string_view>

namespace remuda {
namespace {

// FNV-1a; 0 names nothing.
uint64_t Mix(uint64_t hash, std::string_view text) {
  for (const char c : text) {
    hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3u;
  }
  return hash;
}

}  // namespace

WorkKey WorkKeyOf(const Job& job) {
  uint64_t hash = Mix(0xcbf29ce484222325u, job.type);
  hash = Mix(hash, std::string_view("\0", 1));
  hash = Mix(hash, job.with);
  return WorkKey{hash == 0 ? 1 : hash};
}

}  // namespace remuda
