#pragma once

#include <cstddef>
#include <string>

#include "absl/status/statusor.h"
#include "executors/handlers/html_page.h"
#include "executors/handlers/http_client.h"

namespace remuda {

struct FetchParameters {
  HttpRequest request;
  int fail_on = 400;  // the lowest status that fails the attempt
};

// Errors, here and below: InvalidArgument naming the parameter.
absl::StatusOr<FetchParameters> ParseFetchParameters(
    const std::string& parameters);

struct CrawlParameters {
  HttpRequest request;
  size_t links_max = 100;
};

absl::StatusOr<CrawlParameters> ParseCrawlParameters(
    const std::string& parameters);

// {"url","status","bytes","content_type","body"}; a body that is not UTF-8 is
// {"base64": ...}. One over kFetchBodyBytesMax is left out, and
// "body_omitted" says so, as an agent does not carry outputs of any size.
inline constexpr size_t kFetchBodyBytesMax = 128 << 10;
std::string FetchOutput(const HttpResponse& response);

// {"url","status","bytes","title","links"}
std::string CrawlOutput(const std::string& url, int status, size_t bytes,
                        const HtmlPage& page);

}  // namespace remuda
