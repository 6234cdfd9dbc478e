#include "jobs/item_files.h"

#include <fcntl.h>
#include <glob.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <set>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "base/check.h"
#include "base/file_descriptor.h"
#include "jobs/csv.h"
#include "jobs/json_text.h"
#include "jobs/nearest_name.h"
#include "jobs/parameters.h"
#include "jobs/spec_paths.h"

namespace remuda {
namespace {

constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

std::string FileError(const std::string& path, int error) {
  return "cannot read '" + path + "': " + std::strerror(error);
}

absl::Status StatusForOpen(const std::string& path, int error) {
  if (error == ENOENT || error == ENOTDIR) {
    return absl::NotFoundError("there is no file '" + path + "'");
  }
  return absl::InvalidArgumentError(FileError(path, error));
}

absl::Status TooLarge(const std::string& path) {
  return absl::ResourceExhaustedError(
      "'" + path + "' is over " + std::to_string(ItemList::kBytesMax >> 20) +
      " MiB, the most that one job's items may have");
}

// Reads by pieces, because a pipe or a device has no size to trust.
absl::StatusOr<std::string> ReadFile(const std::string& path) {
  UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY));
  if (!fd.valid()) return StatusForOpen(path, errno);
  struct stat info = {};
  if (fstat(fd.get(), &info) == 0 && S_ISDIR(info.st_mode)) {
    return absl::InvalidArgumentError("'" + path + "' is a folder, not a file");
  }
  std::string text;
  size_t length = 0;
  while (true) {
    if (text.size() - length < (1u << 16)) {
      text.resize(std::max<size_t>(1u << 18, text.size() * 2));
    }
    const ssize_t got =
        read(fd.get(), text.data() + length, text.size() - length);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return absl::InvalidArgumentError(FileError(path, errno));
    if (got == 0) break;
    length += static_cast<size_t>(got);
    if (length > ItemList::kBytesMax) return TooLarge(path);
  }
  text.resize(length);
  return text;
}

// Puts items into a list and stops at the list's limits.
class Collector {
 public:
  explicit Collector(const std::string& source) : source_(source) {}

  // `where` is put before an error, such as "line 12".
  absl::Status Add(std::string_view json, const std::string& where) {
    if (json.size() > ItemList::kItemBytesMax) {
      return absl::ResourceExhaustedError(
          source_ + ": " + where + " is over " +
          std::to_string(ItemList::kItemBytesMax >> 10) +
          " KiB, the most that one item may have");
    }
    if (items_.bytes().size() + json.size() >= ItemList::kBytesMax) {
      return TooLarge(source_);
    }
    items_.Append(json);
    return absl::OkStatus();
  }

  absl::StatusOr<ItemList> Finish(const std::string& if_empty) {
    if (items_.count() == 0) return absl::InvalidArgumentError(if_empty);
    return std::move(items_);
  }

 private:
  const std::string source_;
  ItemList items_;
};

bool IsBlank(std::string_view line) {
  return line.find_first_not_of(" \t") == std::string_view::npos;
}

absl::StatusOr<ItemList> LinesOf(const std::string& path,
                                 std::string_view rest) {
  if (rest.starts_with(kByteOrderMark)) {
    rest.remove_prefix(kByteOrderMark.size());
  }
  Collector items(path);
  for (uint64_t number = 1; !rest.empty(); ++number) {
    const size_t end = rest.find('\n');
    std::string_view line = rest.substr(0, end);
    rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (IsBlank(line)) continue;
    const std::string where = "line " + std::to_string(number);
    if (ValidUtf8Prefix(line) != line.size()) {
      return absl::InvalidArgumentError(path + ": " + where +
                                        " is not UTF-8 text");
    }
    if (absl::Status status = items.Add(JsonString(line), where);
        !status.ok()) {
      return status;
    }
  }
  return items.Finish("'" + path + "' has no line that is not blank");
}

absl::StatusOr<ItemList> ReadLines(const std::string& path) {
  const absl::StatusOr<std::string> text = ReadFile(path);
  if (!text.ok()) return text.status();
  return LinesOf(path, *text);
}

// The folder's own name may hold characters that mean something in a pattern.
std::string EscapedForGlob(const std::string& folder) {
  std::string escaped;
  for (const char c : folder) {
    if (c == '*' || c == '?' || c == '[' || c == '\\') escaped += '\\';
    escaped += c;
  }
  return escaped;
}

absl::StatusOr<std::vector<std::string>> FilesOfPattern(
    const std::string& pattern) {
  glob_t found = {};
  const int result = glob(pattern.c_str(), GLOB_NOSORT, nullptr, &found);
  std::vector<std::string> paths;
  for (size_t i = 0; result == 0 && i < found.gl_pathc; ++i) {
    std::error_code error;
    const std::filesystem::path path(found.gl_pathv[i]);
    if (std::filesystem::is_directory(path, error)) continue;
    paths.push_back(path.lexically_normal().string());
  }
  globfree(&found);
  if (result != 0 && result != GLOB_NOMATCH) {
    return absl::ResourceExhaustedError("cannot read the folders of '" +
                                        pattern + "'");
  }
  std::sort(paths.begin(), paths.end());
  return paths;
}

absl::StatusOr<ItemList> ReadGlob(const std::string& written,
                                  const std::string& folder) {
  if (written.find("**") != std::string::npos) {
    return absl::InvalidArgumentError(
        "'**' in a glob is not supported yet: '" + written +
        "'; name each level, as in 'a/*/*.txt', or list the files in a file "
        "and use 'lines'");
  }
  const std::string pattern =
      written.starts_with('/')
          ? written
          : EscapedForGlob(AbsolutePath("", folder)) + "/" + written;
  const auto paths = FilesOfPattern(pattern);
  if (!paths.ok()) return paths.status();
  Collector items(written);
  for (const std::string& path : *paths) {
    if (ValidUtf8Prefix(path) != path.size()) {
      return absl::InvalidArgumentError(
          "the name of a file that '" + written + "' finds is not UTF-8: " +
          path.substr(0, ValidUtf8Prefix(path)) + "...");
    }
    if (absl::Status status = items.Add(JsonString(path), path); !status.ok()) {
      return status;
    }
  }
  return items.Finish("no file matches '" + written + "' in '" +
                      AbsolutePath("", folder) + "'");
}

absl::Status CheckColumns(const std::vector<std::string>& columns) {
  std::set<std::string_view> seen;
  for (const std::string& column : columns) {
    if (column.empty()) {
      return absl::InvalidArgumentError("a column has no name");
    }
    if (!seen.insert(column).second) {
      return absl::InvalidArgumentError("two columns are named '" + column +
                                        "'");
    }
  }
  return absl::OkStatus();
}

// The spec's parser could not know the columns, so templates that name one
// are looked at here.
absl::Status CheckTemplates(const std::string& with,
                            const std::vector<std::string>& columns) {
  const auto parameters = ParameterTemplate::Parse(with);
  if (!parameters.ok()) return parameters.status();
  for (const std::vector<std::string>& path : parameters->MemberPaths()) {
    const std::string& name = path.front();
    if (path.size() == 1 &&
        std::find(columns.begin(), columns.end(), name) != columns.end()) {
      continue;
    }
    return absl::InvalidArgumentError("'with' names the column '" + name +
                                      "', which is not there" +
                                      DidYouMean(name, columns));
  }
  return absl::OkStatus();
}

std::string RowItem(const std::vector<std::string>& names,
                    const std::vector<std::string>& values) {
  std::string item = "{";
  for (size_t i = 0; i < names.size(); ++i) {
    if (i > 0) item += ',';
    item += names[i];
    item += ':';
    item += JsonString(values[i]);
  }
  item += '}';
  return item;
}

absl::StatusOr<ItemList> ReadRows(const std::string& path,
                                  const std::string& with,
                                  std::string_view text) {
  const auto bad = [&](const std::string& what) {
    return absl::InvalidArgumentError(path + ": " + what);
  };
  CsvReader reader(text);
  const auto header = reader.Next();
  if (!header.ok()) return bad(std::string(header.status().message()));
  if (!header->has_value()) {
    return bad("is empty; its first row has to name the columns");
  }
  const std::vector<std::string>& columns = **header;
  for (const absl::Status& status :
       {CheckColumns(columns), CheckTemplates(with, columns)}) {
    if (!status.ok()) return bad(std::string(status.message()));
  }
  std::vector<std::string> names;
  for (const std::string& column : columns) {
    names.push_back(JsonString(column));
  }
  Collector items(path);
  while (true) {
    const auto row = reader.Next();
    if (!row.ok()) return bad(std::string(row.status().message()));
    if (!row->has_value()) break;
    const std::string where = "line " + std::to_string(reader.line());
    if ((*row)->size() != columns.size()) {
      return bad(where + " has " + std::to_string((*row)->size()) +
                 " columns, the first row names " +
                 std::to_string(columns.size()));
    }
    if (absl::Status status = items.Add(RowItem(names, **row), where);
        !status.ok()) {
      return status;
    }
  }
  return items.Finish("'" + path + "' has no row under its first");
}

absl::StatusOr<ItemList> CsvOf(const std::string& path, const std::string& with,
                               std::string_view rest) {
  if (rest.starts_with(kByteOrderMark)) {
    rest.remove_prefix(kByteOrderMark.size());
  }
  const size_t valid = ValidUtf8Prefix(rest);
  if (valid != rest.size()) {
    const auto line =
        std::count(rest.begin(), rest.begin() + static_cast<long>(valid),
                   '\n') +
        1;
    return absl::InvalidArgumentError(path + ": line " + std::to_string(line) +
                                      " is not UTF-8 text");
  }
  return ReadRows(path, with, rest);
}

absl::StatusOr<ItemList> ReadCsv(const std::string& path,
                                 const std::string& with) {
  const absl::StatusOr<std::string> text = ReadFile(path);
  if (!text.ok()) return text.status();
  return CsvOf(path, with, *text);
}

absl::StatusOr<ItemList> InlineList(const TaskSource& tasks) {
  Collector items("tasks.items");
  for (size_t i = 0; i < tasks.inline_items.size(); ++i) {
    if (absl::Status status =
            items.Add(tasks.inline_items[i], "item " + std::to_string(i));
        !status.ok()) {
      return status;
    }
  }
  return items.Finish("tasks.items is empty");
}

absl::StatusOr<ItemList> ReadItems(const Job& job, const std::string& folder) {
  const std::string path = AbsolutePath(job.tasks.path, folder);
  switch (job.tasks.written) {
    case TaskSource::Written::kItems:
      return InlineList(job.tasks);
    case TaskSource::Written::kLines:
      return ReadLines(path);
    case TaskSource::Written::kGlob:
      return ReadGlob(job.tasks.path, folder);
    case TaskSource::Written::kCsv:
      return ReadCsv(path, job.with);
    case TaskSource::Written::kNothing:
    case TaskSource::Written::kRange:
    case TaskSource::Written::kMatrix:
      break;
  }
  CHECK(false);
  return ItemList();
}

absl::StatusOr<ItemList> SentItems(
    const Job& job, const std::map<std::string, std::string>& files) {
  const std::string& name = job.tasks.path;
  if (job.tasks.written == TaskSource::Written::kItems) {
    return InlineList(job.tasks);
  }
  if (job.tasks.written == TaskSource::Written::kGlob) {
    return absl::InvalidArgumentError(
        "tasks.glob looks at the folder of the spec, which did not come with "
        "it; list the files with 'items', or with 'lines' and a file that is "
        "sent along");
  }
  const auto file = files.find(name);
  if (file == files.end()) {
    return absl::InvalidArgumentError(
        "the file '" + name +
        "' was not sent; send the spec as multipart/form-data with a part "
        "named '" +
        name + "' beside the part 'spec'");
  }
  return job.tasks.written == TaskSource::Written::kCsv
             ? CsvOf(name, job.with, file->second)
             : LinesOf(name, file->second);
}

absl::StatusOr<ResolvedJob> WithItems(ResolvedJob resolved,
                                      absl::StatusOr<ItemList> items) {
  if (!items.ok()) return items.status();
  resolved.items = *std::move(items);
  resolved.job.tasks.list_count = resolved.items.count();
  resolved.job.tasks.path.clear();
  resolved.job.tasks.inline_items.clear();
  if (resolved.items.count() > kTasksMax) {
    return absl::ResourceExhaustedError("a job may have at most " +
                                        std::to_string(kTasksMax) + " tasks");
  }
  return resolved;
}

}  // namespace

absl::StatusOr<ResolvedJob> ResolveItems(const Job& job,
                                         const std::string& folder) {
  ResolvedJob resolved;
  resolved.job = job;
  resolved.job.with = WithAbsolutePaths(job, folder);
  if (!job.outputs.to.empty()) {
    resolved.job.outputs.to = AbsolutePath(job.outputs.to, folder);
  }
  if (IsComputed(job.tasks)) return resolved;
  return WithItems(std::move(resolved), ReadItems(job, folder));
}

absl::StatusOr<ResolvedJob> ResolveSentItems(
    const Job& job, const std::map<std::string, std::string>& files) {
  ResolvedJob resolved;
  resolved.job = job;
  absl::StatusOr<std::string> with = WithoutFolder(job);
  if (!with.ok()) return with.status();
  resolved.job.with = *std::move(with);
  if (!job.outputs.to.empty() && !job.outputs.to.starts_with('/')) {
    return absl::InvalidArgumentError(
        "outputs.to: '" + job.outputs.to +
        "' is relative, but this spec came without its folder; write the "
        "whole path, as the agents see it");
  }
  if (IsComputed(job.tasks)) return resolved;
  return WithItems(std::move(resolved), SentItems(job, files));
}

}  // namespace remuda
