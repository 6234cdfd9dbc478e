#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "base/file_descriptor.h"

namespace remuda {

// What is kept of one stream that a program writes: the first and the last
// 32 KiB in memory and, once that is not all of it, the first 16 MiB in a
// file. The rest is counted and dropped.
//
// Thread: confined to its owner.
class OutputCapture {
 public:
  static constexpr size_t kHeadBytes = size_t{32} << 10;
  static constexpr size_t kTailBytes = size_t{32} << 10;
  static constexpr uint64_t kFileBytesMax = uint64_t{16} << 20;

  // The file and its folder are made when they are needed.
  OutputCapture(std::string folder, std::string name)
      : folder_(std::move(folder)), name_(std::move(name)) {}

  void Add(std::string_view bytes);

  uint64_t bytes() const { return bytes_; }
  bool truncated() const { return bytes_ > kHeadBytes + kTailBytes; }

  // The file holds what was written, up to its limit. False if there is none,
  // also when the disk was full.
  bool has_file() const { return file_.valid() && file_error_ == 0; }

  // Why there is no file although there should be one, as errno; else 0.
  int file_error() const { return file_error_; }

  // All of it, or head and tail with a line between that says what is missing.
  std::string Text() const;

 private:
  void AddToFile(std::string_view bytes);
  void GiveUpFile(int error);

  const std::string folder_;
  const std::string name_;
  uint64_t bytes_ = 0;
  std::string head_;
  std::string tail_;  // the last kTailBytes are at the end; may be longer
  UniqueFd file_;
  uint64_t file_bytes_ = 0;
  int file_error_ = 0;
};

// As a JSON string or, if that cannot hold the bytes or grows by more than a
// third for what it has to escape, {"base64": "..."}.
std::string BytesAsJson(std::string_view bytes);

}  // namespace remuda
