// The plugin image: image.thumbnail makes a picture fit in a box.

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>
#include <vips/vips.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>

#include "plugins/handler.h"

namespace {

using nlohmann::json;

constexpr int kSideMax = 16384;
constexpr int kSideDefault = 800;
constexpr int kQualityDefault = 75;

// A picture that says it is larger is refused before it is unpacked.
constexpr uint64_t kPixelsMax = 500'000'000;

struct Parameters {
  std::string from;
  std::string to;
  int width = kSideDefault;
  int height = kSideDefault;
  int quality = kQualityDefault;
};

int WholeNumber(const json& parameters, const char* name, int otherwise,
                int most) {
  const auto found = parameters.find(name);
  if (found == parameters.end()) return otherwise;
  if (!found->is_number_integer() || *found < 1 || *found > most) {
    throw std::runtime_error(std::string(name) +
                             " must be a whole number from 1 to " +
                             std::to_string(most));
  }
  return found->get<int>();
}

std::string Path(const json& parameters, const char* name) {
  const auto found = parameters.find(name);
  if (found == parameters.end() || !found->is_string()) {
    throw std::runtime_error(std::string(name) + " must be the path of a file");
  }
  auto path = found->get<std::string>();
  if (path.empty() || path.front() != '/') {
    throw std::runtime_error(std::string(name) +
                             " must be an absolute path, not '" + path + "'");
  }
  return path;
}

Parameters Parse(std::string_view text) {
  const json parameters = json::parse(text, nullptr, false);
  if (!parameters.is_object()) {
    throw std::runtime_error("the parameters are not a map");
  }
  return {.from = Path(parameters, "from"),
          .to = Path(parameters, "to"),
          .width = WholeNumber(parameters, "width", kSideDefault, kSideMax),
          .height = WholeNumber(parameters, "height", kSideDefault, kSideMax),
          .quality = WholeNumber(parameters, "quality", kQualityDefault, 100)};
}

// What a file says of its picture before it is unpacked.
struct Header {
  bool is_jpeg = false;
  uint64_t width = 0;  // as it will be seen
  uint64_t height = 0;
};

// How much smaller a JPEG may be unpacked, at a fraction of the work: as far as
// it is still no smaller than what is wanted (docs/decisions/0057).
int ShrinkOf(const Header& header, const Parameters& parameters) {
  if (!header.is_jpeg) return 1;
  const auto width = static_cast<uint64_t>(parameters.width);
  const auto height = static_cast<uint64_t>(parameters.height);
  int shrink = 1;
  for (const int wider : {2, 4, 8}) {
    const auto factor = static_cast<uint64_t>(wider);
    if (header.width >= factor * width || header.height >= factor * height) {
      shrink = wider;
    }
  }
  return shrink;
}

// The last thing that libvips has to say, on one line.
[[noreturn]] void Fail(const std::string& what) {
  std::string reason = vips_error_buffer();
  vips_error_clear();
  std::replace(reason.begin(), reason.end(), '\n', ' ');
  while (!reason.empty() && reason.back() == ' ') reason.pop_back();
  throw std::runtime_error(what + (reason.empty() ? "" : ": " + reason));
}

// One reference to a picture.
class Image {
 public:
  Image() = default;
  ~Image() {
    if (image_ != nullptr) g_object_unref(image_);
  }
  Image(const Image&) = delete;
  Image& operator=(const Image&) = delete;
  VipsImage** out() { return &image_; }
  VipsImage* get() const { return image_; }

 private:
  VipsImage* image_ = nullptr;
};

// A picture's file under a name that is libvips' own: in the name of a
// stranger, what stands in brackets at its end would be options.
class PictureFile {
 public:
  explicit PictureFile(const std::string& path)
      : fd_(open(path.c_str(), O_RDONLY | O_CLOEXEC)) {
    if (fd_ < 0) {
      throw std::runtime_error("cannot read " + path + ": " +
                               std::generic_category().message(errno));
    }
  }
  ~PictureFile() { close(fd_); }
  PictureFile(const PictureFile&) = delete;
  PictureFile& operator=(const PictureFile&) = delete;
  std::string name() const { return "/proc/self/fd/" + std::to_string(fd_); }

 private:
  const int fd_;
};

// libvips' saver by the suffix, with its options.
std::string SaverOf(const std::string& suffix, int quality) {
  std::string lower = suffix;
  std::transform(lower.begin(), lower.end(), lower.begin(), [](char letter) {
    return letter >= 'A' && letter <= 'Z' ? static_cast<char>(letter + 32)
                                          : letter;
  });
  if (lower == ".jpg" || lower == ".jpeg" || lower == ".webp") {
    return lower + "[Q=" + std::to_string(quality) + ",strip]";
  }
  if (lower == ".png") return lower + "[strip]";
  throw std::runtime_error("to must end in .jpg, .jpeg, .png or .webp, not '" +
                           suffix + "'");
}

// A name beside the goal that nobody else has, removed unless it was moved.
class Draft {
 public:
  explicit Draft(const std::filesystem::path& goal)
      : goal_(goal),
        path_(goal.parent_path() /
              ("." + goal.stem().string() + "." + std::to_string(getpid()) +
               goal.extension().string())) {}
  ~Draft() {
    std::error_code ignored;
    if (!moved_) std::filesystem::remove(path_, ignored);
  }
  Draft(const Draft&) = delete;
  Draft& operator=(const Draft&) = delete;

  const std::filesystem::path& path() const { return path_; }

  void Move() {
    std::error_code error;
    std::filesystem::rename(path_, goal_, error);
    if (error) {
      throw std::runtime_error("cannot write " + goal_.string() + ": " +
                               error.message());
    }
    moved_ = true;
  }

 private:
  const std::filesystem::path goal_;
  const std::filesystem::path path_;
  bool moved_ = false;
};

class Thumbnail {
 public:
  // As many threads as the task has CPUs (VIPS_CONCURRENCY, which the agent
  // sets), and no cache: each picture is seen once.
  Thumbnail() {
    if (vips_init("remuda") != 0) Fail("libvips does not start");
    vips_cache_set_max(0);
  }

  std::string Run(std::string_view text, remuda::plugin::TaskContext& context) {
    const Parameters parameters = Parse(text);
    const std::filesystem::path goal(parameters.to);
    const std::string saver =
        SaverOf(goal.extension().string(), parameters.quality);
    const PictureFile file(parameters.from);
    const int shrink = ShrinkOf(CheckSize(file, parameters.from), parameters);
    Image image;
    if (!Shrink(file, shrink, parameters, image)) {
      Fail("cannot read " + parameters.from);
    }
    std::error_code error;
    std::filesystem::create_directories(goal.parent_path(), error);
    Draft draft(goal);
    if (!Write(image, saver, draft.path())) {
      Fail("cannot make " + parameters.to + " of " + parameters.from);
    }
    if (context.StopRequested()) return "null";
    draft.Move();
    return json({{"file", parameters.to},
                 {"width", vips_image_get_width(image.get())},
                 {"height", vips_image_get_height(image.get())},
                 {"bytes", std::filesystem::file_size(goal)}})
        .dump();
  }

 private:
  // Turns it as its EXIF data say, and never makes it larger. False if libvips
  // has said why not.
  static bool Shrink(const PictureFile& file, int shrink,
                     const Parameters& parameters, Image& image) {
    if (shrink == 1) {
      return vips_thumbnail(file.name().c_str(), image.out(), parameters.width,
                            "height", parameters.height, "size", VIPS_SIZE_DOWN,
                            "fail_on", VIPS_FAIL_ON_ERROR, nullptr) == 0;
    }
    Image unpacked;
    *unpacked.out() = vips_image_new_from_file(
        file.name().c_str(), "shrink", shrink, "access", VIPS_ACCESS_SEQUENTIAL,
        "fail_on", VIPS_FAIL_ON_ERROR, nullptr);
    return unpacked.get() != nullptr &&
           vips_thumbnail_image(unpacked.get(), image.out(), parameters.width,
                                "height", parameters.height, "size",
                                VIPS_SIZE_DOWN, nullptr) == 0;
  }

  // False if libvips has said why not.
  static bool Write(const Image& image, const std::string& saver,
                    const std::string& path) {
    VipsTarget* target = vips_target_new_to_file(path.c_str());
    if (target == nullptr) return false;
    const int failed =
        vips_image_write_to_target(image.get(), saver.c_str(), target, nullptr);
    g_object_unref(target);
    return failed == 0;
  }

  // Decided by what the file holds: libvips has loaders for dozens of formats,
  // and those of the rarer ones are no place for pictures of strangers. Returns
  // whether it is a JPEG.
  static bool CheckFormat(const PictureFile& file, const std::string& path) {
    const char* loader = vips_foreign_find_load(file.name().c_str());
    if (loader == nullptr) Fail("cannot read " + path);
    const std::string_view name(loader);
    if (name != "VipsForeignLoadJpegFile" && name != "VipsForeignLoadPngFile" &&
        name != "VipsForeignLoadWebpFile") {
      throw std::runtime_error(path + " is no JPEG, PNG or WebP picture");
    }
    return name == "VipsForeignLoadJpegFile";
  }

  // A small file may unpack to more than the machine has.
  static Header CheckSize(const PictureFile& file, const std::string& path) {
    const bool is_jpeg = CheckFormat(file, path);
    Image header;
    *header.out() = vips_image_new_from_file(file.name().c_str(), nullptr);
    if (header.get() == nullptr) Fail("cannot read " + path);
    const auto width =
        static_cast<uint64_t>(vips_image_get_width(header.get()));
    const auto height =
        static_cast<uint64_t>(vips_image_get_height(header.get()));
    if (width * height > kPixelsMax) {
      throw std::runtime_error(path + " has " + std::to_string(width) + " x " +
                               std::to_string(height) +
                               " pixels; the limit is " +
                               std::to_string(kPixelsMax) + " in all");
    }
    if (vips_image_get_orientation_swap(header.get())) {
      return {.is_jpeg = is_jpeg, .width = height, .height = width};
    }
    return {.is_jpeg = is_jpeg, .width = width, .height = height};
  }
};

constexpr remuda_parameter kParameters[] = {
    {"from", "text", 1, "The picture: a JPEG, PNG or WebP file."},
    {"to", "text", 1, "Where the thumbnail goes; its suffix is its format."},
    {"width", "integer", 0, "Of the box that it fits in; 800 if left out."},
    {"height", "integer", 0, "Of the box that it fits in; 800 if left out."},
    {"quality", "integer", 0, "1 to 100, of JPEG and WebP; 75 if left out."}};

constexpr remuda_job_type kJobTypes[] = {remuda::plugin::JobTypeOf<Thumbnail>(
    {.name = "image.thumbnail",
     .meaning = "Makes a picture that fits in a box.",
     .workload = "cpu",
     .parameters = kParameters})};

constexpr remuda_manifest kManifest =
    remuda::plugin::ManifestOf("image", "1.0", kJobTypes);

}  // namespace

extern "C" const remuda_manifest* remuda_plugin() { return &kManifest; }
