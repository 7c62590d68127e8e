# Homebrew formula. packaging/release.py fills in the version and the sums of the archives.
class Tributary < Formula
  desc "Kubernetes operator and command line for Amazon EventBridge integrations"
  homepage "https://github.com/tributary-dev/tributary"
  version "VERSION"
  license "Apache-2.0"

  on_linux do
    on_intel do
      url "https://github.com/tributary-dev/tributary/releases/download/vVERSION/tributary-VERSION-linux-amd64.tar.gz"
      sha256 "SHA256_LINUX_AMD64"
    end
    on_arm do
      url "https://github.com/tributary-dev/tributary/releases/download/vVERSION/tributary-VERSION-linux-arm64.tar.gz"
      sha256 "SHA256_LINUX_ARM64"
    end
  end

  def install
    bin.install "tributary"
    bin.install_symlink "tributary" => "kubectl-tributary"
    generate_completions_from_executable(bin/"tributary", "completion")
  end

  test do
    assert_match version.to_s, shell_output("#{bin}/tributary --version")
  end
end
