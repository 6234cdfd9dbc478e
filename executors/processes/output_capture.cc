#include "executors/processes/output_capture.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

#include "jobs/json_text.h"

namespace remuda {
namespace {

std::string Base64(std::string_view bytes) {
  constexpr char kDigits[] =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  text.reserve((bytes.size() + 2) / 3 * 4);
  for (size_t i = 0; i < bytes.size(); i += 3) {
    uint32_t group = 0;
    const size_t count = std::min<size_t>(3, bytes.size() - i);
    for (size_t j = 0; j < 3; ++j) {
      group <<= 8;
      if (j < count) group |= static_cast<unsigned char>(bytes[i + j]);
    }
    for (size_t j = 0; j < 4; ++j) {
      text += j <= count ? kDigits[(group >> (18 - 6 * j)) & 63] : '=';
    }
  }
  return text;
}

bool IsContinuation(char byte) {
  return (static_cast<unsigned char>(byte) & 0xC0) == 0x80;
}

// A cut may split a character: text that is valid but for that stays text.
std::string_view WithoutSplitEnd(std::string_view head) {
  const size_t valid = ValidUtf8Prefix(head);
  return head.size() - valid < 4 ? head.substr(0, valid) : head;
}

std::string_view WithoutSplitStart(std::string_view tail) {
  size_t first = 0;
  while (first < 3 && first < tail.size() && IsContinuation(tail[first])) {
    ++first;
  }
  return tail.substr(first);
}

}  // namespace

void OutputCapture::Add(std::string_view bytes) {
  bytes_ += bytes.size();
  if (truncated()) AddToFile(bytes);
  const size_t to_head =
      std::min(bytes.size(), kHeadBytes - std::min(kHeadBytes, head_.size()));
  head_.append(bytes.substr(0, to_head));
  tail_.append(bytes.substr(to_head));
  if (tail_.size() > 4 * kTailBytes) {
    tail_.erase(0, tail_.size() - kTailBytes);
  }
}

void OutputCapture::AddToFile(std::string_view bytes) {
  std::string first;
  if (file_error_ != 0) return;
  if (!file_.valid()) {
    mkdir(folder_.c_str(), 0700);
    const std::string path = folder_ + "/" + name_;
    file_.Reset(
        open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
    if (!file_.valid()) return GiveUpFile(errno);
    // Until now all of it was kept in memory.
    first = head_ + tail_;
    first += bytes;
    bytes = first;
  }
  bytes = bytes.substr(0, kFileBytesMax - file_bytes_);
  while (!bytes.empty()) {
    const ssize_t count = write(file_.get(), bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return GiveUpFile(errno);
    file_bytes_ += static_cast<uint64_t>(count);
    bytes.remove_prefix(static_cast<size_t>(count));
  }
}

// A part of the file would only keep the disk full: nobody fetches it.
void OutputCapture::GiveUpFile(int error) {
  file_error_ = error;
  if (!file_.valid()) return;
  unlink((folder_ + "/" + name_).c_str());
  rmdir(folder_.c_str());  // unless the other stream has its file there
  file_.Reset();
}

std::string OutputCapture::Text() const {
  if (!truncated()) return head_ + tail_;
  const std::string_view tail =
      std::string_view(tail_).substr(tail_.size() - kTailBytes);
  const std::string_view kept_head = WithoutSplitEnd(head_);
  const std::string_view kept_tail = WithoutSplitStart(tail);
  const uint64_t missing = bytes_ - kept_head.size() - kept_tail.size();
  std::string text(kept_head);
  text += "\n[... " + std::to_string(missing) + " bytes left out";
  if (file_error_ != 0) {
    text += ", and not kept by the agent: " +
            std::system_category().message(file_error_);
  }
  text += " ...]\n";
  text += kept_tail;
  return text;
}

std::string BytesAsJson(std::string_view bytes) {
  if (ValidUtf8Prefix(bytes) == bytes.size()) {
    std::string text = JsonString(bytes);
    // Zeros and their like are text, at six letters each.
    if (text.size() <= 64 + bytes.size() / 3 * 4) return text;
  }
  return "{\"base64\":\"" + Base64(bytes) + "\"}";
}

}  // namespace remuda
