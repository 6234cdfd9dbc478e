#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <string>

#include "base/check.h"
#include "wire/key_files.h"

// A file of keys with whatever in it: refused, or one with the same meaning
// when it is written again.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const int file = [] {
    const int fd = memfd_create("key", MFD_CLOEXEC);
    CHECK(fd >= 0 && fchmod(fd, 0400) == 0);
    return fd;
  }();
  const std::string path = "/proc/self/fd/" + std::to_string(file);
  const auto put = [](const void* bytes, size_t count) {
    CHECK(ftruncate(file, 0) == 0);
    CHECK(pwrite(file, bytes, count, 0) == static_cast<ssize_t>(count));
  };
  put(data, size);
  const auto entry = remuda::LoadAllowEntry(path);
  const auto peer = remuda::LoadPeerKey(path);
  const auto server = remuda::LoadServerKey(path);
  if (entry.ok()) {
    const std::string text = remuda::AllowEntryText(*entry);
    put(text.data(), text.size());
    const auto again = remuda::LoadAllowEntry(path);
    CHECK_OK(again);
    CHECK(*again == *entry);
  }
  if (peer.ok()) {
    const std::string text = remuda::PeerKeyText(*peer);
    put(text.data(), text.size());
    CHECK_OK(remuda::LoadPeerKey(path));
  }
  if (server.ok()) {
    const std::string text = remuda::ServerKeyText(*server);
    put(text.data(), text.size());
    CHECK_OK(remuda::LoadServerKey(path));
  }
  return 0;
}
