// Preloaded into a process, it has fsync() and fdatasync() fail for files
// beside which there is one named "syncs-fail", as a disk that dies does.

#include <dlfcn.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <string>

namespace {

bool Fails(int fd) {
  std::array<char, 4096> path;
  const std::string link = "/proc/self/fd/" + std::to_string(fd);
  const ssize_t size = readlink(link.c_str(), path.data(), path.size());
  if (size <= 0) return false;
  std::string file(path.data(), static_cast<size_t>(size));
  file.resize(file.rfind('/') + 1);
  return access((file + "syncs-fail").c_str(), F_OK) == 0;
}

int CallNext(const char* name, int fd) {
  if (Fails(fd)) {
    errno = EIO;
    return -1;
  }
  return reinterpret_cast<int (*)(int)>(dlsym(RTLD_NEXT, name))(fd);
}

}  // namespace

extern "C" int fsync(int fd) { return CallNext("fsync", fd); }
extern "C" int fdatasync(int fd) { return CallNext("fdatasync", fd); }
