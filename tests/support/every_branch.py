"""A rule that builds every branch of a repository, with a message at each end."""

URL = "https://git.example.com/shop.git"
RULE = f"""
namespace: acme
repo_name: shop
build_config:
  code_repo_client: Simple
  code_repo_clone_url: "{URL}"
  tag_configs:
    - {{code_repo_type: branch, code_repo_type_value: "**", docker_repo_tag: "{{branch}}"}}
notices:
  - {{notice_type: MESSAGE, enabled_event_type_names: [buildJobSuccess, buildJobFail, buildJobStart]}}
"""
