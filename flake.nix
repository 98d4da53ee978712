{
  description = "Sluice: a Gateway API controller with its own L7 data plane";

  inputs.nixpkgs.url = "github:NixOS/nixpkgs/nixpkgs-unstable";

  # Tools around the project only: everything else builds from the integrity hashes of package-lock.json.
  outputs = { self, nixpkgs }:
    let
      systems = [ "x86_64-linux" "aarch64-linux" "aarch64-darwin" ];
      each = make: nixpkgs.lib.genAttrs systems (system: make nixpkgs.legacyPackages.${system});
    in
    {
      devShells = each (pkgs:
        let node = pkgs.nodejs_26 or pkgs.nodejs_24;
        in {
          default = pkgs.mkShell {
            packages = [ node pkgs.go pkgs.kubectl pkgs.kubernetes-helm pkgs.git ];
            # The Node of the lockfile is a binary for common Linux; where it cannot run (NixOS), the launcher takes this one.
            shellHook = ''
              if [ -e /etc/NIXOS ]; then export SLUICE_NODE=${node}/bin/node; fi
            '';
          };
        });
    };
}
