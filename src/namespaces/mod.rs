//! Namespaces: the groups that achievements belong to.

mod create;
mod delete;
mod list;
mod model;
mod show;
mod update;
mod view;

pub use create::{CreateNamespace, create};
pub use model::{Namespace, NamespaceKey, NamespaceRef};
use utoipa_actix_web::service_config::ServiceConfig;
pub use view::{NamespaceRefView, NamespaceView};

pub(crate) fn routes(config: &mut ServiceConfig) {
    config
        .service(create::create_namespace)
        .service(list::list_namespaces)
        .service(show::get_namespace)
        .service(update::update_namespace)
        .service(delete::delete_namespace);
}
